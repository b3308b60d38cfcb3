plumber::pr_run(plumber::pr("api.R"), port = 8000, quiet = TRUE)
