package elasticsearch

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
)

//go:embed Node.java
var nodeSource []byte

//go:embed pom.xml
var pom []byte

// ErrNotAssembled is the error of Start where Assemble has not been called on this machine.
var ErrNotAssembled = errors.New("the jars of Elasticsearch are not there yet (make deps fetches them)")

// descriptor makes the transport a module of Elasticsearch, which is how the server expects to find it.
const descriptor = `description=transport
version=%[1]s
name=transport-netty4
java.version=17
elasticsearch.version=%[1]s
classname=org.elasticsearch.transport.netty4.Netty4Plugin
modulename=org.elasticsearch.transport.netty4
extended.plugins=
has.native.controller=false
`

// cache is the directory of the assembled program. Another version of it, or of this package's part, has another.
func cache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache directory: %w", err)
	}
	sum := sha256.Sum256(append(append([]byte(descriptor), nodeSource...), pom...))
	return filepath.Join(dir, "veritail", "elasticsearch", fmt.Sprintf("%s-%x", version(), sum[:4])), nil
}

func version() string {
	return string(regexp.MustCompile(`<elasticsearch>(.*)</elasticsearch>`).FindSubmatch(pom)[1])
}

// assembled returns the program's directory, or ErrNotAssembled.
func assembled() (string, error) {
	dir, err := cache()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err != nil {
		return "", ErrNotAssembled
	}
	return dir, nil
}

// Assemble fetches Elasticsearch's jars with Maven and compiles Node.java, once for each user and version: about 40 MB.
// It needs mvn and javac.
func Assemble(ctx context.Context) error {
	dir, err := cache()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("make the cache directory: %w", err)
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock the cache directory: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock the cache directory: %w", err)
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "assemble-")
	if err != nil {
		return fmt.Errorf("make the cache directory: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := assemble(ctx, tmp); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

func assemble(ctx context.Context, dir string) error {
	lib, module := filepath.Join(dir, "lib"), filepath.Join(dir, "transport-netty4")
	if err := os.MkdirAll(module, 0o755); err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		filepath.Join(dir, "pom.xml"):                         pom,
		filepath.Join(dir, "Node.java"):                       nodeSource,
		filepath.Join(module, "plugin-descriptor.properties"): fmt.Appendf(nil, descriptor, version()),
	} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return err
		}
	}
	if err := run(ctx, "mvn", "-q", "-B", "-f", filepath.Join(dir, "pom.xml"), "-DoutputDirectory="+lib, "dependency:copy-dependencies"); err != nil {
		return fmt.Errorf("fetch Elasticsearch with Maven: %w", err)
	}
	for _, glob := range []string{"transport-netty4*.jar", "netty-*.jar", "elasticsearch-ssl-config*.jar"} {
		jars, err := filepath.Glob(filepath.Join(lib, glob))
		if err != nil || len(jars) == 0 {
			return fmt.Errorf("fetch Elasticsearch with Maven: there is no %s", glob)
		}
		for _, jar := range jars {
			if err := os.Rename(jar, filepath.Join(module, filepath.Base(jar))); err != nil {
				return err
			}
		}
	}
	if err := run(ctx, "javac", "-cp", filepath.Join(lib, "*"), "-d", filepath.Join(dir, "classes"), filepath.Join(dir, "Node.java")); err != nil {
		return fmt.Errorf("compile Node.java: %w", err)
	}
	return nil
}

func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
