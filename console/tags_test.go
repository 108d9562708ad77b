package console

import (
	"io/fs"
	"path"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/saypro/veritail/configs"
)

func TestTagsOfATTACKHaveTheirNamesAndPages(t *testing.T) {
	t.Parallel()
	a, err := readAttack(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	got := a.tags([]string{"attack.t1110.003", "attack.t1190", "attack.credential-access", "attack.t9999", "attack.g0007", "pci-dss"})
	want := []tag{
		{"T1110.003", "Password Spraying", "https://attack.mitre.org/techniques/T1110/003/"},
		{"T1190", "Exploit Public-Facing Application", "https://attack.mitre.org/techniques/T1190/"},
		{"TA0006", "Credential Access", "https://attack.mitre.org/tactics/TA0006/"},
		{"T9999", "", "https://attack.mitre.org/techniques/T9999/"}, // newer than the list
		{"attack.g0007", "", ""},
		{"pci-dss", "", ""},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestEveryTechniqueOfAShippedRuleHasAName(t *testing.T) {
	t.Parallel()
	a, err := readAttack(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	err = fs.WalkDir(configs.FS(""), "rules", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".toml" {
			return err
		}
		text, err := fs.ReadFile(configs.FS(""), name)
		for _, m := range regexp.MustCompile(`"(attack\.[a-z0-9.-]+)"`).FindAllSubmatch(text, -1) {
			tags = append(tags, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(tags)
	if tags = slices.Compact(tags); len(tags) < 20 {
		t.Fatalf("only %q", tags)
	}
	for i, shown := range a.tags(tags) {
		if shown.Name == "" || shown.URL == "" {
			t.Errorf("%s has no name in attack.toml", tags[i])
		}
	}
}

func TestOnlyAddressesOfTheWebAreLinks(t *testing.T) {
	t.Parallel()
	got := references([]string{"https://example.org/a", "javascript:alert(1)", "data:text/html,x", "http://example.org"})
	if want := []string{"https://example.org/a", "http://example.org"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
