Sys.sleep(600)
