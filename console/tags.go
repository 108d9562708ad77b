package console

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/saypro/veritail/configs"
)

// A tag is one of a rule's, as it is shown.
type tag struct {
	Text string
	Name string // what it stands for; "" where that is not known
	URL  string // what there is to read about it; "" for a word of the site's own
}

// attack are the names of MITRE ATT&CK.
type attack struct {
	Techniques map[string]string   `toml:"techniques"` // "t1110.001" = "Password Guessing"
	Tactics    map[string][]string `toml:"tactics"`    // credential-access = ["TA0006", "Credential Access"]
}

func readAttack(fsys fs.FS) (a attack, err error) {
	if err := configs.Decode(fsys, "attack.toml", &a); err != nil {
		return a, err
	}
	for tactic, words := range a.Tactics {
		if len(words) != 2 {
			return a, fmt.Errorf("attack.toml: tactic %s wants its number and its name", tactic)
		}
	}
	return a, nil
}

// tags returns tags as they are shown: techniques and tactics of ATT&CK with their names and pages.
func (a attack) tags(list []string) []tag {
	var out []tag
	for _, text := range list {
		t := tag{Text: text}
		if id, ok := strings.CutPrefix(text, "attack."); ok {
			switch tactic := a.Tactics[id]; {
			case tactic != nil:
				t = tag{tactic[0], tactic[1], "https://attack.mitre.org/tactics/" + tactic[0] + "/"}
			case isTechnique(id):
				number := strings.ToUpper(id)
				t = tag{number, a.Techniques[id], "https://attack.mitre.org/techniques/" + strings.ReplaceAll(number, ".", "/") + "/"}
			}
		}
		out = append(out, t)
	}
	return out
}

// isTechnique reports whether a text is a technique's number, as t1110 or t1110.001.
func isTechnique(id string) bool {
	digits := func(s string, n int) bool {
		return len(s) == n && strings.Trim(s, "0123456789") == ""
	}
	main, sub, has := strings.Cut(id, ".")
	return strings.HasPrefix(main, "t") && digits(main[1:], 4) && (!has || digits(sub, 3))
}

// references returns the addresses of a finding that a browser may be sent to.
func references(list []string) (out []string) {
	for _, ref := range list {
		if strings.HasPrefix(ref, "https://") || strings.HasPrefix(ref, "http://") {
			out = append(out, ref)
		}
	}
	return out
}
