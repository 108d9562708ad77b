package parsers_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// The format files that docs/formats.md shows compile beside the shipped ones and do what it says.
func TestTheDocumentedFormatsWork(t *testing.T) {
	doc, err := os.ReadFile("../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	shipped := configs.FS("")
	for _, dir := range []string{"formats", "patterns"} {
		err := fs.WalkDir(shipped, dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(shipped, name)
			fsys[name] = &fstest.MapFile{Data: text}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range regexp.MustCompile("(?s)```toml\n# configs/(formats/[a-z]+\\.toml)\n(.*?)```").FindAllSubmatch(doc, -1) {
		fsys[string(m[1])] = &fstest.MapFile{Data: m[2]}
	}
	set, err := parsers.Load(fsys, event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	d := decoder(t, set, "shop", "shop.log")
	got := read(d, []byte("2026-11-24T10:00:00Z I bob@10.0.0.7 order of 3 items took 12.5 ms\n"))
	has(t, got[0].text, `"user.name":"bob"`, `"source.ip":"10.0.0.7"`, `"shop.items":3`, `"event.duration":12500000`, `"event.action":"order"`, `"log.level":"info"`)
	d = decoder(t, set, "syslog.rfc3164", "x.log")
	got = read(d, []byte("Nov 24 10:00:00 h doorman[1]: refused bob at 10.0.0.7\n"))
	has(t, got[0].text, `"event.action":"door_refused"`, `"user.name":"bob"`, `"source.ip":"10.0.0.7"`)
}

// Each shipped format stands in the first column of the table of docs/shipped-formats.md, and nothing else does.
func TestEveryShippedFormatIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/shipped-formats.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllSubmatch(doc, -1) {
		family := ""
		for _, name := range regexp.MustCompile("`([a-z0-9.-]+)`").FindAllSubmatch(row[1], -1) {
			text := string(name[1])
			if strings.HasPrefix(text, ".") { // `postgresql.de`, `.fr`
				text = family + text
			}
			family, _, _ = strings.Cut(text, ".")
			documented[text] = true
		}
	}
	files, err := fs.Glob(configs.FS(""), "formats/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".toml")
		if !documented[name] {
			t.Errorf("docs/shipped-formats.md has no row for %s", name)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("docs/shipped-formats.md has a row for %s, which is not shipped", name)
	}
}
