package embedded

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
)

// someone is a user that no machine has.
var someone = owner{47110, 47120}

// wantOwner checks that all below dir belongs to a user, and returns how many files there are.
func wantOwner(t *testing.T, dir string, want owner) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if got, _ := ownerOf(info); got != want {
			t.Errorf("%s belongs to %s, not to %s", path, got, want)
		}
		files++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A backup that root restores belongs to the user to whom the store's directory does, or the one above it; a daemon that runs
// as this user opens the store and goes on.
func TestARestoredStoreBelongsToTheOwnerOfItsDirectory(t *testing.T) {
	needsRoot(t)
	_, dir := smallBackup(t)
	for _, there := range []string{"state", "state/store"} {
		state := filepath.Join(t.TempDir(), "state")
		home := filepath.Join(state, "store")
		for at := range strings.SplitSeq(there, "/") {
			made := map[string]string{"state": state, "store": home}[at]
			if err := os.Mkdir(made, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(made, someone.uid, someone.gid); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(home, "events.db")
		r, err := RestoreBackup(t.Context(), dir, path)
		if err != nil {
			t.Fatal(err)
		}
		if r.Owner != someone.String() {
			t.Errorf("it says that the store was given to %q", r.Owner)
		}
		if n := wantOwner(t, state, someone); n < 5 { // both directories, database, mark, folder of sealed days
			t.Errorf("there are only %d files", n)
		}
		if out := commitAs(t, someone, path); !strings.Contains(out, "PASS") {
			t.Errorf("with %s there before: %s", there, out)
		}
		wantOwner(t, state, someone)
	}
}

// Where root owns the directory nothing is given away, and nothing said.
func TestAStoreOfRootStaysWithRoot(t *testing.T) {
	needsRoot(t)
	_, dir := smallBackup(t)
	home := filepath.Join(t.TempDir(), "store")
	r, err := RestoreBackup(t.Context(), dir, filepath.Join(home, "events.db"))
	if err != nil || r.Owner != "" {
		t.Errorf("given to %q, error %v", r.Owner, err)
	}
	wantOwner(t, home, owner{0, 0})
}

// The owner of a directory gets what the store has in it, and nothing that a link there leads to.
func TestLinksInAStoreGiveNothingAway(t *testing.T) {
	needsRoot(t)
	dir := t.TempDir()
	home, others := filepath.Join(dir, "store"), filepath.Join(dir, "others")
	for _, d := range []string{home, others} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(others, "secret"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"events.db.sealed": others, "events.db.mark": filepath.Join(others, "secret")} {
		if err := os.Symlink(to, filepath.Join(home, from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(home, someone.uid, someone.gid); err != nil {
		t.Fatal(err)
	}
	if _, err := GiveToOwner(filepath.Join(home, "events.db")); err != nil {
		t.Fatal(err)
	}
	wantOwner(t, others, owner{0, 0})
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("REQUIRE_ALL") == "1" {
		t.Fatal("needs to be run by root")
	}
	t.Skip("needs to be run by root")
}

const commitEnv = "VERITAIL_TEST_COMMIT"

// commitAs runs TestCommitAs in a process of another user.
func commitAs(t *testing.T, o owner, path string) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "embedded.test")
	if err := os.Link(os.Args[0], program); err != nil { // on another file system
		text, err := os.ReadFile(os.Args[0])
		if err == nil {
			err = os.WriteFile(program, text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for d := dir; d != filepath.Clean(os.TempDir()); d = filepath.Dir(d) { // whose names are not secret
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestCommitAs$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = []string{commitEnv + "=" + path, "TMPDIR=" + os.TempDir()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}}
	out, err := cmd.CombinedOutput()
	return fmt.Sprint(string(out), err)
}

func TestCommitAs(t *testing.T) {
	path := os.Getenv(commitEnv)
	if path == "" {
		return // the test that needs it calls it
	}
	s := openTest(t, event.NewSchema(), path)
	marks, err := s.Marks(t.Context())
	if err != nil || len(marks) != 1 {
		t.Fatal(marks, err)
	}
	mark := marks[0]
	if _, err := s.Commit(t.Context(), numbered(s.schema, &mark, 10)); err != nil {
		t.Fatal(err)
	}
	wantSound(t, s, 6510)
}
