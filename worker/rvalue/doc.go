// Package rvalue turns JSON into serialized R values, which R's unserialize() reads several times as
// fast as jsonlite reads the JSON. They are identical to what rscripts/json makes of the same text:
// arrays of scalars are vectors, arrays of such arrays matrices, arrays of objects data frames.
//
// Decode reads the text once, into an array of nodes, and decides what each array becomes. An
// encoder then writes the values, first to count their bytes and then to the pipe, so that bootstrap
// never holds the result.
//
// EncodeRows goes the other way: it writes the data frames of a result as JSON, from the columns that
// R has serialized.
//
// Decode leaves to R what is rare: it returns nil for text that is not valid JSON, has the character
// \u0000, is nested deeply, or needs more memory than maxNodes and maxTable allow. R then decodes the
// text itself, and finds the error, if there is one.
//
// The format is version 2 of R's serialization, as "Serialization Formats" in R Internals describes
// it. All versions of R since 2.3 read it. Only vectors, lists, and the attributes names, dim, class
// and row.names are written: nothing that R evaluates.
package rvalue
