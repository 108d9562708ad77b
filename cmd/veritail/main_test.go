package main

import (
	"flag"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"veritail": main})
}

// atOnce is how many tests run at a time, unless -parallel says so: most of them wait, for nodes, for clocks, for what rules may still get.
const atOnce = "6"

type tests struct{ *testing.M }

// Run implements testscript.TestingM.
func (m tests) Run() int {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			panic(err) // the flag is there
		}
	}
	return m.M.Run()
}

// The scripts show each command as its user sees it: arguments, output, exit status.
func TestScripts(t *testing.T) {
	t.Parallel()
	site, err := filepath.Abs("../../testdata/site")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("SITE", site)
			e.Setenv("LANG", "C.UTF-8")
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfor": waitFor, "jsonhas": jsonHas, "sigterm": sendSignal(syscall.SIGTERM), "sighup": sendSignal(syscall.SIGHUP),
		},
	})
}
