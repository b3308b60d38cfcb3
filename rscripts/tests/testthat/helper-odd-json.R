# Odd JSON: shapes that cost a parser, or the simplification, more than their size. Each function
# returns text whose size grows with n. (BenchmarkOddJSON of test/bench reads this file, too.)

odd_json <- local({
  array <- function(elements) paste0("[", paste(elements, collapse = ","), "]")
  object <- function(keys, values = "1") paste0("{", paste0("\"", keys, "\":", values, collapse = ","), "}")
  list(
    empty_arrays = function(n) array(rep("[]", n)),
    one_empty_array = function(n) paste0("[[]", strrep(",[1]", n), "]"),
    empty_objects = function(n) array(rep(c("{}", "null"), n)),
    matrices = function(n) array(rep("[[1,2],[3,4]]", n / 4)),
    tables = function(n) array(rep("[{\"a\":1}]", n / 4)),
    tables_and_empty_arrays = function(n) array(rep(c("[{\"a\":1}]", "[]"), n / 4)),
    mixed_array = function(n) array(rep(c("\"a\"", "1", "null", "true"), n)),
    objects_and_numbers = function(n) array(rep(c("{\"a\":1}", "1"), n / 2)),
    keys = function(n) object(paste0("k", seq_len(n))),
    repeated_key = function(n) object(rep("k", n)),
    empty_keys = function(n) object(rep("", n)),
    keys_of_one_row = function(n) array(object(paste0("k", seq_len(n)))),
    rows = function(n) array(rep("{\"a\":1,\"b\":\"x\",\"c\":[1,2]}", n)),
    alternating_rows = function(n) array(rep(c("{\"a\":1}", "{\"b\":1}"), n)),
    rows_without_common_keys = function(n) array(paste0("{\"k", seq_len(n), "\":1}")),
    rows_in_rows = function(n) array(rep("{\"a\":{\"b\":{\"c\":[1,2]}}}", n / 4)),
    rows_in_rows_without_common_keys = function(n) array(paste0("{\"a\":{\"k", seq_len(n), "\":1}}")),
    lists_in_a_column = function(n) array(rep(c("{\"a\":[]}", "{\"a\":[1]}"), n / 2)),
    tables_in_a_column = function(n) array(rep(c("{\"a\":[{\"b\":1}]}", "{\"a\":[]}"), n / 8)),
    deep_arrays = function(n) array(rep(paste0(strrep("[", 20L), strrep("]", 20L)), n / 20)),
    array_in_deep_objects = function(n) paste0(strrep("{\"a\":", 100L), array(rep("1", n)), strrep("}", 100L)),
    backslashes = function(n) paste0("\"", strrep("\\\\", 4 * n), "\""),
    quotes = function(n) paste0("\"", strrep("\\\"", 4 * n), "\""),
    half_surrogates = function(n) paste0("\"", strrep("\\udc00", n), "\""),
    spaces = function(n) paste0(strrep(" ", 10 * n), "[", strrep("\t", 10 * n), "1]"),
    digits = function(n) paste0("[", strrep("1", 5 * n), ",0.", strrep("1", 5 * n), "]"),
    large_numbers = function(n) array(rep(c("1e308", "1e-308", "123456789012345678901234567890"), n / 4)),
    strings = function(n) array(paste0("\"s", seq_len(n), "\"")),
    long_keys = function(n) object(paste0(strrep("k", 50L), seq_len(n / 5)))
  )
})
