# A model with the paths that vetiver gives it: bootstrap local -- Rscript model.R
# With the vetiver package, the router is pr() |> vetiver_api(v).

library(plumber)

fit <- lm(mpg ~ wt, mtcars)

api <- pr()
api <- pr_get(api, "/ping", function() list(status = "online"))
api <- pr_post(api, "/predict", function(req) unname(predict(fit, as.data.frame(req$body))))

pr_run(api, host = "0.0.0.0", port = 8000)
