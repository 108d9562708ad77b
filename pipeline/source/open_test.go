package source

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/saypro/veritail/tools/need"
)

func gz(t *testing.T, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, m := range members {
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(m))
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// packed returns text as a program compresses a file of it.
func packed(t *testing.T, program, text string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(need.Program(t, program), append(args, "-c", write(t, "plain", []byte(text)))...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What a zstd file unpacks to is known without unpacking it where its frames tell it, and only there.
func TestTheSizeOfAZstdFile(t *testing.T) {
	big := strings.Repeat("0123456789abcdef\n", 100_000)
	frame := packed(t, "zstd", big)
	cmd := exec.Command(need.Program(t, "zstd"), "-c")
	cmd.Stdin = strings.NewReader(big)
	piped, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		what string
		file []byte
		want int64 // -1: not known
	}{
		{"a frame", frame, int64(len(big))},
		{"a frame without a checksum", packed(t, "zstd", big, "--no-check"), int64(len(big))},
		{"what cannot be compressed", packed(t, "zstd", string(frame)), int64(len(frame))},
		{"bytes that repeat", packed(t, "zstd", strings.Repeat("x", 1<<20)), 1 << 20},
		{"two frames", slices.Concat(frame, frame), 2 * int64(len(big))},
		{"a frame to pass over, and another", slices.Concat([]byte{0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'}, frame), int64(len(big))},
		{"a frame of a pipe", piped, -1},
		{"a frame that is cut off within a head", frame[:20], -1},
		{"a frame and damage", append(bytes.Clone(frame), "junk"...), -1},
	} {
		path := write(t, "x.zst", tc.file)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		n, _, ok := zstdSize(f, int64(len(tc.file)))
		f.Close()
		if !ok {
			n = -1
		}
		if n != tc.want {
			t.Errorf("%s: %d, want %d", tc.what, n, tc.want)
		}
	}
}

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	long := strings.Repeat("0123456789abcdef\n", 10_000)
	noisy := make([]byte, 200_000)
	for i := range noisy {
		noisy[i] = byte(i * i >> 3)
	}
	whole, zst, bz2 := gz(t, long), packed(t, "zstd", long), packed(t, "bzip2", long)
	for _, tc := range []struct {
		name string
		file []byte
		want string // what can be read
		err  string // what the error says beside path; empty for none
	}{
		{"plain", []byte("a\nb"), "a\nb", ""},
		{"empty", nil, "", ""},
		{"gzip", gz(t, "a\n"), "a\n", ""},
		{"gzip of several members", gz(t, "a\n", "", "b\n"), "a\nb\n", ""},
		{"gzip that is cut off", whole[:len(whole)-4], long, "uncompressed offset 170000: the compressed data is cut off"},
		{"gzip with a wrong checksum", flip(whole, len(whole)-6), long, "the compressed data is damaged"},
		{"zstd", zst, long, ""},
		{"zstd of several frames", slices.Concat(zst, packed(t, "zstd", "more\n")), long + "more\n", ""},
		{"zstd that is cut off", zst[:len(zst)-4], long[:128<<10], "the compressed data is cut off"},
		{"bzip2", bz2, long, ""},
		{"bzip2 that is cut off", bz2[:len(bz2)-8], long, "the compressed data is cut off"},
		{"a text that begins like bzip2", []byte("BZh9 is how it begins\n"), "BZh9 is how it begins\n", ""},
		{"a first member, then damage", append(gz(t, "a\n"), "junk"...), "a\n", "uncompressed offset 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := write(t, "x.log", tc.file)
			d, err := Open(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			got, err := io.ReadAll(d)
			if string(got) != tc.want {
				t.Errorf("read %d bytes, want %d", len(got), len(tc.want))
			}
			if (err == nil) != (tc.err == "") || err != nil && (!strings.Contains(err.Error(), tc.err) || !strings.Contains(err.Error(), path)) {
				t.Errorf("error %v, want one that says %q", err, tc.err)
			}
		})
	}
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 0x40
	return b
}

func TestOpenSaysWhatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]error{dir: errNotRegular, filepath.Join(dir, "none"): os.ErrNotExist} {
		if _, err := Open(path, nil); !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	path := write(t, "x.gz", []byte("\x1f\x8bnothing"))
	if _, err := Open(path, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a broken header: %v", err)
	}
}

func TestStandardInputMayBeCompressed(t *testing.T) {
	for _, in := range [][]byte{[]byte("a\n"), gz(t, "a\n")} {
		d, err := Open(Stdin, bytes.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(d); err != nil || string(got) != "a\n" {
			t.Errorf("%q, %v", got, err)
		}
		if g, err := d.NewGeneration("h", time.Unix(1, 0), 0); err != nil || g.ID == 0 || g.Path != Stdin {
			t.Errorf("%+v, %v", g, err)
		}
	}
}

func TestACopyHasTheHeadOfItsOriginalAlsoCompressed(t *testing.T) {
	text := strings.Repeat("0123456789abcde\n", 100)
	a, err := Open(write(t, "a", []byte(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := Open(write(t, "b", gz(t, text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ga, err1 := a.NewGeneration("h", time.Unix(1, 0), 0)
	gb, err2 := b.NewGeneration("h", time.Unix(1, 0), 0)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if ga.Head != gb.Head || ga.HeadLen != HeadBytes || gb.HeadLen != HeadBytes {
		t.Errorf("heads %x of %d and %x of %d", ga.Head, ga.HeadLen, gb.Head, gb.HeadLen)
	}
	if ga.ID == gb.ID {
		t.Error("a copy has the id of its original")
	}
	if g, _ := a.NewGeneration("h", time.Unix(1, 0), 1); g.ID == ga.ID {
		t.Error("the counter does not change the id")
	}
}

func TestSkipGoesToAnOffsetOrSaysHowMuchIsMissing(t *testing.T) {
	d, err := Open(write(t, "a", gz(t, "abc", "def")), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Skip(4); err != nil {
		t.Fatal(err)
	}
	if err := d.Skip(9); err == nil || !strings.Contains(err.Error(), "3 bytes before offset 9") {
		t.Errorf("error %v", err)
	}
}
