// Package web runs a web server, a program of any kind, as a worker. Spawn starts it on a port of its
// own and waits until it listens there. Each invocation becomes one HTTP request on a connection of its
// own, because httpuv delays the answers on connections that are kept by 40 ms.
//
// A server in R gets a site profile (rscripts/web). It gives servers of the httpuv package the worker's
// port, whatever port the script names, and writes down where R was when it is interrupted.
package web
