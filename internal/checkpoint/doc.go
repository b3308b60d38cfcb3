// Package checkpoint takes a snapshot of a running process tree and restores it many times, as
// Lambda's SnapStart does with a whole environment. CRIU does the work (criu.org).
//
// The tree is started with Start, in a mount namespace of its own, and ended by Dump. Each Restore
// makes a copy of it, as it was at the dump, with the same pids, memory and paths:
//
//	this program ── Start ──► tree                      until Dump
//	             ── Restore ► process 1 (criu) ── tree  a pid and a mount namespace for each copy
//
// A copy shares the network and all folders but one with the machine: its folder for temporary
// files is its own, with the content that it had at the dump. TCP connections are closed, as they
// are after a restore in Lambda; but those within the tree are closed as well, which Lambda keeps.
//
// Nothing outlives this program, even if it is killed: the kernel then kills process 1 of each
// copy, and with it the namespace.
package checkpoint
