# A plumber router that starts its own server: bootstrap local -- Rscript plumber-server.R

library(plumber)

api <- pr()
api <- pr_get(api, "/sum", function(a, b) list(sum = as.numeric(a) + as.numeric(b)))
api <- pr_hook(api, "exit", function() cat("the database is closed\n"))

pr_run(api, port = as.integer(Sys.getenv("PORT", "8000")))
