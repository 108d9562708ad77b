package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"veritail": main})
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
