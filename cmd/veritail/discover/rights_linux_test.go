package discover

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/saypro/veritail/tools/need"
)

// nobody is a user without any right.
const nobody = 65534

// Who may not read is told the commands: a group that may, else an ACL.
func TestWhatMayNotBeRead(t *testing.T) {
	need.Root(t)
	root := tree(t, map[string]string{
		"var/log/auth.log": "x\n", "var/log/secret.log": object, "var/log/it's.log": object, "var/log/app/a.log": object,
		"var/lib/docker/containers/x/x-json.log": object, "srv/shop/log/a.log": object, "var/log/shared/b.log": object,
	})
	const adm = 4
	for _, f := range []struct {
		path string
		mode os.FileMode
		gid  int
	}{
		{"var/log/auth.log", 0o640, adm}, {"var/log/secret.log", 0o600, 0}, {"var/log/it's.log", 0o640, 0}, {"var/log/app", 0o700, 0},
		{"var/lib/docker", 0o710, 0}, {"var/log/shared", 0o750, adm},
	} {
		path := filepath.Join(root, f.path)
		if err := os.Lchown(path, 0, f.gid); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, f.mode); err != nil {
			t.Fatal(err)
		}
	}
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	found := as(t, nobody, func() (*Found, error) { return Look(context.Background(), config(t, root)) })
	var got []string
	for _, r := range found.Repairs {
		got = append(got, r.Command)
	}
	want := []string{
		"sudo setfacl -m u:alice:x /var/lib/docker && sudo setfacl -R -m u:alice:rX,d:u:alice:rX /var/lib/docker/containers",
		"sudo setfacl -R -m u:alice:rX,d:u:alice:rX /var/log/app",
		"sudo usermod -a -G adm alice",
		`sudo setfacl -m u:alice:rX,d:u:alice:rX /var/log && sudo setfacl -m u:alice:r '/var/log/it'\''s.log' /var/log/secret.log`,
	}
	if text := strings.ReplaceAll(strings.Join(got, "\n"), root, ""); text != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", text, strings.Join(want, "\n"))
	}
	for _, r := range found.Repairs {
		if r.Group == "adm" && len(r.For) != 2 {
			t.Errorf("the group is for %q", r.For)
		}
	}
	followedOnce(t, found) // they are followed as soon as they may be read
}

// as calls f in a thread that has the rights of a user, and ends with it.
func as(t *testing.T, uid int, f func() (*Found, error)) *Found {
	t.Helper()
	var found *Found
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked
		if err = syscall.Setfsgid(uid); err == nil {
			err = syscall.Setfsuid(uid)
		}
		if err == nil {
			found, err = f()
		}
	}()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	return found
}
