// Package lambdalog writes logs in Lambda's formats: records as text or JSON, framed
// records on the descriptor that Lambda provides, and metrics in CloudWatch's embedded
// metric format.
//
// An Output is the destination that the logger, the metrics and the emulator share. Each
// record or line reaches it with one write.
package lambdalog
