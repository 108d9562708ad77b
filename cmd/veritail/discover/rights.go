package discover

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Repair is a command that lets the user read what it names.
type Repair struct {
	Command string   `json:"command"`
	For     []string `json:"for"`             // paths
	Want    string   `json:"want,omitempty"`  // a glob of logs that may be below the folder
	Group   string   `json:"group,omitempty"` // that the user joins; it holds from the next login on
}

// tooMuch are groups that give far more than the right to read logs.
var tooMuch = []string{"root", "wheel", "sudo", "admin", "docker", "disk", "shadow", "lxd", "kmem", "staff", "users"}

// repairs finds the commands: a group where it may read what is shut and gives no more than that, else an ACL, which holds for files
// to come too.
func (l *looker) repairs() {
	groups := map[string][]string{}
	folders := map[string][]string{}
	for i := range l.found.Shut {
		s := &l.found.Shut[i]
		if name := groupFor(s.gid); name != "" && s.mode.Perm()&0o050 == 0o050 && filepath.Dir(s.Want) == s.Folder {
			groups[name] = append(groups[name], s.Folder)
			continue
		}
		l.found.Repairs = append(l.found.Repairs, Repair{Command: shutCommand(l.User, s), For: []string{s.Folder}, Want: s.Want})
	}
	for _, f := range l.files {
		switch name := groupFor(f.gid); {
		case f.Problem == "" || f.binary:
		case name != "" && f.mode.Perm()&0o040 != 0:
			groups[name] = append(groups[name], f.Path)
		default:
			folders[filepath.Dir(f.Path)] = append(folders[filepath.Dir(f.Path)], f.Path)
		}
	}
	if l.found.Journal != nil && l.found.Journal.Repair != nil {
		r := l.found.Journal.Repair
		groups[r.Group] = append(groups[r.Group], r.For...)
	}
	for _, name := range sorted(groups) {
		slices.Sort(groups[name])
		l.found.Repairs = append(l.found.Repairs, Repair{Command: "sudo usermod -a -G " + Quote(name) + " " + Quote(l.User), For: groups[name], Group: name})
	}
	for _, dir := range sorted(folders) {
		l.found.Repairs = append(l.found.Repairs, Repair{Command: aclCommand(l.User, dir, folders[dir]), For: folders[dir]})
	}
}

func sorted(m map[string][]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// groupFor returns the name of a group that the user may join to read logs, "" if it is none for that.
func groupFor(gid uint32) string {
	if gid == 0 {
		return ""
	}
	g, err := user.LookupGroupId(strconv.FormatUint(uint64(gid), 10))
	if err != nil || slices.Contains(tooMuch, g.Name) {
		return ""
	}
	if own, err := os.Getgroups(); err == nil && slices.Contains(own, int(gid)) {
		return "" // that would not help
	}
	return g.Name
}

// aclCommand lets a user read files of a folder, and those that come.
func aclCommand(user, dir string, files []string) string {
	name := Quote(user)
	out := "sudo setfacl -m u:" + name + ":rX,d:u:" + name + ":rX " + Quote(dir) + " && sudo setfacl -m u:" + name + ":r"
	for _, f := range files {
		out += " " + Quote(f)
	}
	return out
}

// shutCommand lets a user look into a folder, and read what is wanted below it.
func shutCommand(user string, s *Shut) string {
	name := Quote(user)
	rights := "u:" + name + ":rX,d:u:" + name + ":rX"
	want := filepath.Dir(s.Want)
	if want == s.Folder {
		return "sudo setfacl -R -m " + rights + " " + Quote(s.Folder)
	}
	// A folder of data, of which only a part is logs: it may be passed, not read.
	out := "sudo setfacl -m u:" + name + ":x " + Quote(s.Folder)
	at, rest := s.Folder, strings.TrimPrefix(want, s.Folder+"/")
	for part, more, ok := strings.Cut(rest, "/"); part != "" && !strings.ContainsAny(part, `*?[\`); part, more, ok = strings.Cut(more, "/") {
		if at != s.Folder {
			out += " " + Quote(at)
		}
		if at = filepath.Join(at, part); !ok {
			break
		}
	}
	return out + " && sudo setfacl -R -m " + rights + " " + Quote(at)
}

// Quote quotes s for a POSIX shell where it needs it. What is not printed as it is stands as its octal codes, in the quotes of bash.
func Quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%", r))
	}) {
		return s
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		var out strings.Builder
		for i := range len(s) {
			if c := s[i]; c < ' ' || c > '~' || c == '\'' || c == '\\' {
				out.WriteString(`\` + "0123"[c>>6:c>>6+1] + strconv.Itoa(int(c>>3&7)) + strconv.Itoa(int(c&7)))
			} else {
				out.WriteByte(c)
			}
		}
		return "$'" + out.String() + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
