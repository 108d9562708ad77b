package parsers_test

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// The index of the shipped formats says what compiling them says.
func TestTheIndexIsThatOfTheShippedFormats(t *testing.T) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("after a change of formats: go test ./parsers -run Index -update")
		}
	})
	got, err := parsers.IndexOf(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	expected(t, "../configs/formats/index.json", got)
}

// Formats that are compiled when they are used first read every sample as those do that were all compiled before: its
// format, how sure that is, and its events. The samples are read at the same time.
func TestFormatsThatAreCompiledWhenTheyAreUsed(t *testing.T) {
	listed, err := parsers.Open(configs.FS(""), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	whole := shipped(t)
	if !slices.Equal(listed.Formats(), whole.Formats()) || listed.Len() != whole.Len() {
		t.Fatalf("%d formats are listed, %d there", listed.Len(), whole.Len())
	}
	texts := map[string][]byte{}
	for _, format := range whole.Formats() {
		texts[format] = sample(t, format)
	}
	for name := range formatsOfSite {
		if texts[name], err = os.ReadFile("../testdata/site/" + name); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := decoder(t, listed, "auto", "x.log"), decoder(t, whole, "auto", "x.log")
			got, want := read(a, text), read(b, text)
			if a.Told().Format != b.Told().Format || a.Told().Sample != b.Told().Sample {
				t.Errorf("told %+v, not %+v", a.Told(), b.Told())
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d events of %d are others", len(got), len(want))
			}
		})
	}
}

// copied returns the shipped formats and patterns, and their index.
func copied(t *testing.T) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, dir := range []string{"formats", "patterns"} {
		err := fs.WalkDir(configs.FS(""), dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(configs.FS(""), name)
			fsys[name] = &fstest.MapFile{Data: text}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return fsys
}

// An index counts for the files that it was made of. Of others every format is compiled, and mistakes are named.
func TestAnIndexOfOtherFilesDoesNotCount(t *testing.T) {
	const wrong = "title = 'shop'\n[[pattern]]\ngrok = '%{NOSUCH}'\n"
	for name, change := range map[string]func(fstest.MapFS){
		"a format more":  func(f fstest.MapFS) { f["formats/shop.toml"] = &fstest.MapFile{Data: []byte(wrong)} },
		"another format": func(f fstest.MapFS) { f["formats/cron.toml"].Data = []byte(wrong) },
		"a format renamed": func(f fstest.MapFS) {
			f["formats/sshx.toml"] = f["formats/sshd.toml"]
			delete(f, "formats/sshd.toml")
			f["formats/cron.toml"].Data = []byte(wrong)
		},
		"a pattern less": func(f fstest.MapFS) { delete(f, "patterns/veritail/web") },
		"no index":       func(f fstest.MapFS) { delete(f, "formats/index.json"); f["formats/cron.toml"].Data = []byte(wrong) },
		"half an index": func(f fstest.MapFS) {
			f["formats/index.json"].Data = f["formats/index.json"].Data[:1000]
			f["formats/cron.toml"].Data = []byte(wrong)
		},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := copied(t)
			if _, err := parsers.Open(fsys, event.NewSchema()); err != nil {
				t.Fatal(err)
			}
			change(fsys)
			if _, err := parsers.Open(fsys, event.NewSchema()); err == nil || !strings.Contains(err.Error(), "unknown pattern") {
				t.Errorf("%v", err)
			}
		})
	}
}
