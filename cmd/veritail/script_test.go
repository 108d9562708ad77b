package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long tests wait for what has to come: on a machine that is busy with other things a daemon takes half a minute to start
// under the race detector.
const patience = 3 * time.Minute

// waitFor runs a command again and again until its output holds a text: waitfor TEXT COMMAND ARGS...
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: waitfor TEXT COMMAND ARGS...")
	}
	var out []byte
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		path, err := exec.LookPath(args[1])
		ts.Check(err)
		cmd := exec.Command(path, args[2:]...)
		cmd.Dir, cmd.Env = ts.Getenv("WORK"), environment(ts)
		out, _ = cmd.CombinedOutput()
		if strings.Contains(string(out), args[0]) {
			return
		}
	}
	ts.Fatalf("%q did not come; the last output was:\n%s", args[0], out)
}

// sendSignal returns a command that sends a signal to the command that was started in the background last.
func sendSignal(sig os.Signal) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		cmds := ts.BackgroundCmds()
		if neg || len(args) > 0 || len(cmds) == 0 {
			ts.Fatalf("a signal wants a command in the background, and no arguments")
		}
		ts.Check(cmds[len(cmds)-1].Process.Signal(sig))
	}
}

func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, k := range []string{"PATH", "HOME", "LANG", "TZ", "TMPDIR", "SITE"} {
		env = append(env, k+"="+ts.Getenv(k))
	}
	return env
}

// jsonHas checks a value in the last line of a file of JSON lines: jsonhas FILE PATH VALUE, where PATH is keys joined
// by "/" and VALUE is JSON.
func jsonHas(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: jsonhas FILE PATH VALUE")
	}
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	var v any
	ts.Check(json.Unmarshal([]byte(lines[len(lines)-1]), &v))
	for _, key := range strings.Split(args[1], "/") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			var i int
			_, err := fmt.Sscan(key, &i)
			ts.Check(err)
			v = x[i]
		default:
			v = nil
		}
	}
	got, err := json.Marshal(v)
	ts.Check(err)
	if string(got) != args[2] {
		ts.Fatalf("%s is %s, want %s", args[1], got, args[2])
	}
}
