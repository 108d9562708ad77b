package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
)

// Turns are kept in their order, with the rules of each; those that ended long ago do not matter, and those of before are let go.
func TestTurnsAreKeptForTheNextStart(t *testing.T) {
	state := t.TempDir()
	hour := time.Hour.Microseconds()
	shows := func(what string, o *turns, name string, judged int64, want string) {
		t.Helper()
		list, until := o.before(name, judged)
		got := ""
		for i := range list {
			got += fmt.Sprintf("%s-%d ", list[i].Rules, until[i]/hour)
		}
		if got != want {
			t.Errorf("%s: the turns before %s are %q, want %q", what, name, got, want)
		}
	}
	o := openTurns(state)
	shows("nothing was judged", o, "a", 100*hour, "")
	for i, name := range []string{"a", "a", "b", "c", "b"} {
		o.add(name, int64(100+i)*hour)
	}
	o = openTurns(state)
	shows("the same go on", o, "b", 110*hour, "a-102 b-103 c-104 ")
	shows("others judged last", o, "d", 110*hour, "a-102 b-103 c-104 b-110 ")
	shows("two ended more than a day ago", o, "b", 128*hour, "c-104 ")
	shows("the store is older than what is kept", o, "b", 103*hour+1, "a-102 b-103 c-103 ")
	if o.changed("b") || !o.changed("c") {
		t.Error("b judges now")
	}

	s, err := loadSetup("")
	if err != nil {
		t.Fatal(err)
	}
	name := o.keep(configs.FS(""), s.rules)
	o.add(name, 105*hour)
	if list, err := openTurns(state).rules(name); err != nil || len(list) != len(s.rules) {
		t.Errorf("%d rules are kept, want %d; error %v", len(list), len(s.rules), err)
	}
	for i := range maxTurns {
		o.add(fmt.Sprint(i), 106*hour)
	}
	if n := len(openTurns(state).list); n != maxTurns {
		t.Errorf("%d turns are kept", n)
	}
	if _, err := o.rules(name); !os.IsNotExist(err) {
		t.Errorf("rules of no turn are kept, error %v", err)
	}
	if err := os.WriteFile(filepath.Join(state, "rules", "judged.json"), []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	shows("the file is damaged", openTurns(state), "a", 110*hour, "")
}
