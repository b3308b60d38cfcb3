package main

import (
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"lambda-r-runtime/worker"
	"lambda-r-runtime/worker/process"
)

// A story is what happens, word by word: fork and spawn make a worker, which the word after them
// names; a word with : is what happened to a worker. A ? stands where a trial must be due, and only
// there may one be; a ! stands where forking must end.
func TestForkTrial(t *testing.T) {
	for name, story := range map[string]string{
		"a forked worker answers":          "fork a a:answers fork b b:answers a:hangs fork c",
		"one that hung later":              "fork a a:answers a:hangs fork b",
		"one that died":                    "fork a a:dies fork b b:dies",
		"it hangs, and a spawned one too":  "fork a a:hangs ? spawn b b:hangs fork c",
		"it hangs, and a spawned one died": "fork a a:hangs ? spawn b b:dies fork c",
		"they hang where spawned do not": "fork a a:hangs ? spawn b b:answers fork c c:hangs ? spawn d d:answers " +
			"fork e e:hangs ? spawn f f:answers !",
		"an event that always hangs": "fork a a:answers a:hangs fork b b:hangs ? spawn c c:answers fork d d:hangs ? spawn e e:answers " +
			"fork f f:answers fork g g:hangs ? spawn h h:answers fork i i:hangs ? spawn j j:answers fork k",
		"others meanwhile": "fork a fork b a:hangs ? spawn c b:answers c:answers fork d d:hangs ? spawn e e:answers " +
			"fork f f:hangs ? spawn g g:answers !",
		"others that hang meanwhile": "fork a fork b a:hangs ? spawn c b:hangs c:answers fork d d:hangs ? spawn e e:answers " +
			"fork f f:hangs ? spawn g g:answers !",
		"no second trial for nothing":  "fork a a:hangs ? spawn b b:hangs fork c c:hangs fork d d:hangs fork e",
		"a trial after an answer":      "fork a a:hangs ? spawn b b:hangs fork c c:answers fork d d:hangs ? spawn e e:answers fork f",
		"spawned workers are no forks": "spawn a a:hangs spawn b b:answers fork c",
	} {
		t.Run(name, func(t *testing.T) {
			var trial forkTrial
			words := strings.Fields(story)
			for i := 0; i < len(words); i++ {
				word := words[i]
				who, what, _ := strings.Cut(word, ":")
				wanted, failed := false, false
				switch {
				case word == "?":
					wanted = true
				case word == "!":
					failed = true
				case word == "fork" || word == "spawn":
					i++
					trial.ready(int(words[i][0]), word == "fork")
				case what == "answers":
					trial.answered(int(who[0]))
				default:
					trial.lost(int(who[0]), what == "hangs")
				}
				next := ""
				if i+1 < len(words) {
					next = words[i+1]
				}
				if trial.next() != (wanted || next == "?") || trial.failed() != (failed || next == "!") {
					t.Fatalf("after word %d, %s: trial due %v, forking should end %v", i+1, words[i], trial.next(), trial.failed())
				}
			}
		})
	}
}

// A template gives its memory to the workers when that runs out, unless the user wants to fork always.
func TestForkingEndsWhenMemoryRunsOut(t *testing.T) {
	killed := &worker.ExitError{ExitError: process.ExitError{Signal: syscall.SIGKILL, OutOfMemory: true}}
	for _, test := range []struct {
		mode forkMode
		err  error
		want forkState
	}{
		{forkAuto, killed, forkOver},
		{forkAlways, killed, forkReady},
		{forkAuto, &worker.ExitError{ExitError: process.ExitError{Signal: syscall.SIGKILL}}, forkReady},
		{forkAuto, nil, forkReady},
	} {
		f := &forks{
			pool: &pool{settings: settings{fork: test.mode}}, log: slog.New(slog.DiscardHandler),
			state: forkReady, template: &worker.Template{},
		}
		f.invoked(1, test.err)
		if f.state != test.want {
			t.Errorf("%s, %v: state %v, want %v", test.mode, test.err, f.state, test.want)
		}
	}
}
