package e2e

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// Each row is a function and what bootstrap doctor --snapstart prints about it, after what it prints
// without the flag.
func TestDoctorSnapStart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() }) // after the parallel rows
	address := listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	database := filepath.Join(t.TempDir(), "data.sqlite")
	const (
		handler = "\nf <- function(n = 1) n\n"
		reopen  = `close it in on_snapshot\(\), open it in on_restore\(\)`
		clean   = `ok    snapshot: holds no connection, open file or seed that was found`
		renewed = `ok    restore: R renewed its random numbers and ran the on_restore\(\) hooks in \d+ ms`
		advice  = `(ok  |warn)  SnapStart: is (not )?worth it: .*` // depends on the machine
	)
	connect := `con <- DBI::dbConnect(RSQLite::SQLite(), "` + database + `")` + "\n"
	for _, row := range []struct {
		name, code string
		env        []string
		status     int
		lines      []string
	}{
		{"nothing to find", "", nil, 0, []string{
			`ok    priming: none; lambda_config\(prime = \) runs the handler before the snapshot, .*`, clean, renewed, advice,
		}},
		{"its environment says that it runs with SnapStart", `stopifnot(Sys.getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start")`, nil, 0, []string{renewed}},
		{"primed", `lambda_config(prime = list(n = 2))`, nil, 0, []string{
			clean, renewed, `ok    priming: took \d+ ms, and \d+ ms when repeated after the restore`,
		}},
		{"a long init", "Sys.sleep(1)", nil, 0, []string{
			`ok    SnapStart: is worth it: it saves an init of [1-9][\d.]* s, and a restore takes 0\.4 to 0\.7 s; Lambda bills each restore, and each published version while it exists`,
		}},
		{"a socket", `con <- socketConnection("127.0.0.1", ` + port + `)`, nil, 1, []string{
			`fail  snapshot: a TCP connection to ` + address + ` \(file descriptor \d+\): ` + reopen + `.*`, renewed, advice,
		}},
		{"a database", connect, nil, 1, []string{
			`fail  snapshot: con, a connection of class SQLiteConnection: ` + reopen,
			`warn  snapshot: ` + database + `, open for writing: ` + reopen, renewed,
		}},
		{"a database that is opened again", connect + "on_snapshot(function() DBI::dbDisconnect(con))\non_restore(function() " + connect + ")", nil, 0,
			[]string{clean, renewed}},
		{"a file", `log <- file(file.path(tempdir(), "log.txt"), "w")`, nil, 0, []string{
			`warn  snapshot: /\S+/log\.txt, open for writing: ` + reopen, renewed,
		}},
		{"a seed", "set.seed(1)", nil, 0, []string{`warn  snapshot: set\.seed\(\) at functions\.R:1: .*`}},
		{"a child", `system("exec sleep 1000", wait = FALSE)`, nil, 0, []string{
			`warn  snapshot: a child process of R, sleep \(pid \d+\): end it in on_snapshot\(\), start it in on_restore\(\)`,
		}},
		{"priming fails", "lambda_config(prime = list(n = 1))\nf <- function(n) stop('no model')\n", nil, 1, []string{
			`fail  priming: Runtime\.BeforeSnapshotError in f\(n = n\): priming failed: .*no model`, clean, renewed, advice,
		}},
		{"priming may fail", "lambda_config(prime = list(n = 1), prime_on_error = 'continue')\nf <- function(n) stop('no model')\n", nil, 0, []string{
			`warn  priming: Runtime\.BeforeSnapshotError in f\(n = n\): priming failed: .*no model`, clean, renewed, advice,
		}},
		{"priming fails after the restore", "lambda_config(prime = list(n = 1))\non_restore(function() rm(model, envir = globalenv()))\nmodel <- 1\nf <- function(n) model\n", nil, 1, []string{
			renewed, `fail  restore: the event of priming fails after the on_restore\(\) hooks: simpleError in f\(n = n\): object 'model' not found`, advice,
		}},
		{"priming ends R", "lambda_config(prime = list(n = 1))\nf <- function(n) quit(status = 3)\n", nil, 1, []string{
			`fail  priming: Runtime\.BeforeSnapshotError: priming failed: .*status 3.*`, advice,
		}},
		{"priming is too slow", "lambda_config(prime = list(n = 1))\nf <- function(n) Sys.sleep(1000)\n", []string{"LAMBDA_R_INIT_TIMEOUT=5s"}, 1, []string{
			`fail  priming: Runtime\.BeforeSnapshotError: priming failed: R was not ready within 5s .*; it was in Sys\.sleep\(1000\) \(functions\.R:2\)`, advice,
		}},
		{"a hook of on_snapshot() fails", "on_snapshot(function() stop('cannot close'))", nil, 1, []string{
			`fail  snapshot: Runtime\.BeforeSnapshotError in .*: an on_snapshot\(\) hook failed: .*functions\.R:1: cannot close`, advice,
		}},
		{"a hook of on_restore() fails", "on_restore(function() stop('cannot open'))", nil, 1, []string{
			clean, `fail  restore: Runtime\.AfterRestoreError in .*: an on_restore\(\) hook failed: .*functions\.R:1: cannot open`, advice,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			code := row.code
			if !strings.Contains(code, "f <- ") {
				code += handler
			}
			out, status := examine(t, map[string]string{"functions.R": code}, row.env, "--snapstart", "functions.f")
			expectLines(t, out, append([]string{`ok    handler: functions\.f was loaded`}, row.lines...)...)
			if status != row.status {
				t.Errorf("exit status %d, want %d; it printed:\n%s", status, row.status, out)
			}
		})
	}
}

func TestDoctorSnapStartNeedsAHandler(t *testing.T) {
	out, status := examine(t, nil, nil, "--snapstart")
	if status != 1 || out != "bootstrap: --snapstart examines a handler: run bootstrap doctor --snapstart HANDLER\n" {
		t.Errorf("status %d, %s", status, out)
	}
	out, status = examine(t, nil, nil, "--snapstart", "functions.f")
	if status != 1 || strings.Contains(out, "SnapStart:") {
		t.Errorf("a handler that cannot be loaded: status %d, %s", status, out)
	}
}
