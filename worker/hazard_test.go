package worker

import (
	"reflect"
	"strings"
	"testing"

	"lambda-r-runtime/protocol"
	"lambda-r-runtime/worker/process"
)

func TestHazardsOfThreads(t *testing.T) {
	const library = "/usr/lib/R/site-library/"
	const cli = library + "cli/libs/cli.so"
	for name, test := range map[string]struct {
		threads   []string // the libraries that they run
		libraries []string // others
		want      []string // what is found
	}{
		"none":                            {nil, nil, nil},
		"cli":                             {[]string{cli}, nil, nil},
		"OpenBLAS":                        {[]string{"/usr/lib/libopenblasp-r0.3.21.so"}, nil, nil},
		"OpenMP":                          {[]string{"/usr/lib/libgomp.so.1.0.0", "/usr/lib/libgomp.so.1.0.0"}, nil, []string{"a pool of OpenMP threads"}},
		"Java":                            {[]string{"/usr/lib/jvm/lib/server/libjvm.so", cli}, nil, []string{"a Java virtual machine (package rJava)"}},
		"TensorFlow":                      {[]string{"/opt/python/tensorflow/libtensorflow_framework.so.2"}, nil, []string{"threads of TensorFlow"}},
		"arrow":                           {[]string{library + "arrow/libs/arrow.so"}, nil, []string{"threads of arrow"}},
		"Python":                          {[]string{"/usr/lib/libpython3.11.so.1.0"}, nil, []string{"threads of Python (package reticulate)"}},
		"torch and RcppParallel":          {[]string{library + "torch/lib/libtorch_cpu.so", library + "RcppParallel/lib/libtbb.so.2"}, nil, []string{"threads of torch", "threads of RcppParallel"}},
		"a package":                       {[]string{library + "later/libs/later.so"}, nil, []string{"a thread of package later"}},
		"a library":                       {[]string{"/usr/lib/libuv.so.1"}, nil, []string{"a thread of /usr/lib/libuv.so.1"}},
		"unknown":                         {[]string{"", ""}, nil, []string{"threads that may belong to any package (2)"}},
		"unknown, and it can be cli's":    {[]string{""}, []string{cli}, nil},
		"unknown, and not all can be":     {[]string{"", ""}, []string{cli}, []string{"threads that may belong to any package (2)"}},
		"unknown, and cli's is among all": {[]string{cli, ""}, []string{cli}, []string{"threads that may belong to any package (1)"}},
	} {
		t.Run(name, func(t *testing.T) {
			var threads []process.Thread
			for i, path := range test.threads {
				threads = append(threads, process.Thread{TID: i + 2, Library: path})
			}
			var got []string
			for _, f := range hazardsOf(threads, test.libraries) {
				got = append(got, f.What)
				if f.Kind != kindThread && f.Kind != kindOpenMP || f.Fix == "" || len(shared([]protocol.Finding{f})) > 0 {
					t.Errorf("got %+v", f)
				}
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestShared(t *testing.T) {
	for kind, want := range map[string]bool{"dbi": true, "socket": true, "child": true, "openmp": false, "seed": false} {
		got := shared([]protocol.Finding{{Kind: kind, What: "con", Fix: "close it in on_snapshot()"}})
		if (len(got) == 1) != want || want && (got[0].Kind != kind || got[0].What != "con" || !strings.Contains(got[0].Fix, "on_fork()")) {
			t.Errorf("%s: %+v", kind, got)
		}
	}
}
