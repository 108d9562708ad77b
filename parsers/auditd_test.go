package parsers_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const auditDir = "../testdata/audit/"

// auditField names the fields that keys of audit records become; other keys stand behind auditd.log.
var auditField = map[string]string{
	"acct": "user.name", "uid": "user.id", "auid": "user.audit.id", "euid": "user.effective.id", "gid": "user.group.id",
	"egid": "user.effective.group.id", "suid": "user.saved.id", "fsuid": "user.filesystem.id", "pid": "process.pid",
	"ppid": "process.parent.pid", "comm": "process.name", "exe": "process.executable", "cmd": "process.command_line",
	"proctitle": "process.command_line", "cwd": "process.working_directory", "tty": "process.tty", "terminal": "process.tty",
	"ses": "session.id", "addr": "source.address", "unit": "systemd.unit", "reason": "event.reason", "name": "file.path",
}

// decoded reads lines of an audit log.
func decoded(t *testing.T, lines string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, e := range events(t, "auditd", "audit.log", lines) {
		var m map[string]any
		if err := json.Unmarshal([]byte(e), &m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// unset are the values by which auditd says that there is none.
var unset = []string{"", "?", "(none)", "(null)", "unset", "4294967295"}

// agrees fails the test unless the event's field, where both have it, is want. It counts what it compared.
func agrees(t *testing.T, got map[string]any, field, want string, n *int) {
	t.Helper()
	if slices.Contains(unset, want) {
		return
	}
	v, ok := got[field]
	if base, cut := strings.CutSuffix(field, ".address"); cut && got[base+".ip"] != nil {
		v, ok = got[base+".ip"], true
	}
	if !ok {
		t.Errorf("no %s, want %q", field, want)
		return
	}
	*n++
	if num, isNum := v.(float64); isNum {
		v = fmt.Sprintf("%.0f", num)
	}
	if fmt.Sprint(v) != want {
		t.Errorf("%s is %q, want %q", field, v, want)
	}
}

// auditLine is a record's head and what go-libaudit keeps of it as raw_msg.
var auditLine = regexp.MustCompile(`^type=(\S+) msg=(.*)$`)

// What go-libaudit reads in single records: values, decoded where they are hexadecimal.
func TestAuditRecordsAgreeWithGoLibaudit(t *testing.T) {
	translated := []string{ // go-libaudit gives names to numbers, and takes these apart
		"arch", "syscall", "sig", "result", "key", "family", "addr", "port", "path", "socket_addr", "saddr", "exit",
	}
	files, err := filepath.Glob(auditDir + "go-libaudit/*.log")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	compared := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		golden, err := os.ReadFile(file + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		var want []struct {
			Raw  string            `json:"raw_msg"`
			Seq  int64             `json:"sequence"`
			Data map[string]string `json:"data"`
		}
		if err := json.Unmarshal(golden, &want); err != nil {
			t.Fatal(err)
		}
		i := 0
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			m := auditLine.FindStringSubmatch(line)
			if m == nil || i >= len(want) || strings.TrimSpace(m[2]) != strings.TrimSpace(want[i].Raw) {
				continue
			}
			w := want[i]
			i++
			t.Run(fmt.Sprintf("%s/%s-%d", filepath.Base(file), m[1], w.Seq), func(t *testing.T) {
				got := decoded(t, line+"\n")
				if len(got) != 1 {
					t.Fatalf("%d events", len(got))
				}
				agrees(t, got[0], "auditd.log.sequence", fmt.Sprint(w.Seq), &compared)
				for k, v := range w.Data {
					field, ok := auditField[k]
					switch {
					case m[1] == "EXECVE" && regexp.MustCompile(`^a[0-9]+$`).MatchString(k):
						field = "auditd.log." + k
					case slices.Contains(translated, k) || strings.HasPrefix(k, "subj_") || strings.HasPrefix(k, "obj_"):
						continue
					case !ok:
						field = "auditd.log." + k
					}
					agrees(t, got[0], field, v, &compared)
				}
			})
		}
		if i != len(want) {
			t.Errorf("%s: %d of %d records found", file, i, len(want))
		}
	}
	t.Logf("%d values are equal", compared)
}

// What go-libaudit reads in the records of one event together. Two things are meant to differ: what AppArmor denied is a
// failure and a matter of intrusion detection, whatever the system call returned; a call on sockets is one of the network.
func TestAuditEventsAgreeWithGoLibaudit(t *testing.T) {
	files, err := filepath.Glob(auditDir + "go-libaudit/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	compared := 0
	for _, file := range files {
		records := yamlBlocks(t, file)
		golden, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".json.golden")
		if err != nil {
			t.Fatal(err)
		}
		var cases []struct {
			Name  string `json:"test_name"`
			Event struct {
				Sequence int64
				Result   string
				Record   string `json:"record_type"`
				Session  string
				User     struct{ IDs map[string]string }
				Process  struct {
					PID, PPID, Title, Name, Exe, Cwd string
					Args                             []string
				}
				File *struct{ Path string }
				Data map[string]string
				ECS  struct{ Event struct{ Category []string } }
			}
		}
		if err := json.Unmarshal(golden, &cases); err != nil {
			t.Fatal(err)
		}
		for _, tc := range cases {
			t.Run(tc.Name, func(t *testing.T) {
				got := decoded(t, records[tc.Name])
				if len(got) != 1 {
					t.Fatalf("%d events of\n%s", len(got), records[tc.Name])
				}
				e, w := got[0], tc.Event
				agrees(t, e, "auditd.log.sequence", fmt.Sprint(w.Sequence), &compared)
				_, apparmor := e["auditd.log.profile"]
				if !apparmor {
					agrees(t, e, "event.outcome", map[string]string{"success": "success", "fail": "failure"}[w.Result], &compared)
				}
				agrees(t, e, "session.id", w.Session, &compared)
				for k, v := range w.User.IDs {
					if field, ok := auditField[k]; ok {
						agrees(t, e, field, v, &compared)
					}
				}
				agrees(t, e, "process.pid", w.Process.PID, &compared)
				agrees(t, e, "process.parent.pid", w.Process.PPID, &compared)
				agrees(t, e, "process.name", w.Process.Name, &compared)
				agrees(t, e, "process.executable", w.Process.Exe, &compared)
				agrees(t, e, "process.working_directory", w.Process.Cwd, &compared)
				agrees(t, e, "process.command_line", w.Process.Title, &compared)
				for i, a := range w.Process.Args {
					agrees(t, e, fmt.Sprintf("auditd.execve_args.a%d", i), a, &compared)
				}
				if w.File != nil {
					agrees(t, e, "file.path", w.File.Path, &compared)
				}
				for _, k := range []string{"acct", "op", "terminal", "reason", "tty", "exit", "a0", "old", "new"} {
					field, ok := auditField[k]
					if !ok {
						field = "auditd.log." + k
					}
					agrees(t, e, field, w.Data[k], &compared)
				}
				if c := w.ECS.Event.Category; len(c) > 0 && !apparmor && e["event.category"] != "network" && !slices.Contains(c, fmt.Sprint(e["event.category"])) {
					t.Errorf("event.category is %v, want one of %v", e["event.category"], c)
				}
			})
		}
	}
	t.Logf("%d values are equal", compared)
}

// yamlBlocks returns the block texts of a YAML file of the form "tests:", names, blocks.
func yamlBlocks(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blocks, name := map[string]string{}, ""
	for _, line := range strings.Split(string(text), "\n") {
		if record, ok := strings.CutPrefix(line, "    "); ok && name != "" {
			blocks[name] += strings.TrimRight(record, " ") + "\n"
		} else if head, ok := strings.CutSuffix(line, ": |"); ok {
			name = strings.TrimSpace(head)
		}
	}
	return blocks
}

// What Filebeat reads in each record: its events are single records, ours have those of one serial together.
func TestAuditRecordsAgreeWithFilebeat(t *testing.T) {
	text, err := os.ReadFile(auditDir + "filebeat/audit-rhel7.log")
	if err != nil {
		t.Fatal(err)
	}
	expected, err := os.ReadFile(auditDir + "filebeat/audit-rhel7.log-expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want []map[string]any
	if err := json.Unmarshal(expected, &want); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"process.ppid": "process.parent.pid", "auditd.log.ses": "session.id", "auditd.log.tty": "process.tty"}
	compared := 0
	for _, w := range want {
		off := int(w["log.offset"].(float64))
		line := string(text[off : off+strings.IndexByte(string(text[off:]), '\n')+1])
		got := decoded(t, line)[0]
		for k, v := range w {
			if n, ok := names[k]; ok {
				k = n
			}
			if num, isNum := v.(float64); isNum {
				v = fmt.Sprintf("%.0f", num)
			}
			switch k {
			case "@timestamp", "event.action", "event.outcome", "process.pid", "process.parent.pid", "process.name", "process.executable",
				"user.id", "user.audit.id", "user.effective.id", "user.effective.group.id", "user.filesystem.id", "user.group.id",
				"user.saved.id", "session.id", "process.tty", "auditd.log.sequence", "auditd.log.subj", "auditd.log.table",
				"auditd.log.family", "auditd.log.entries", "auditd.log.a0", "auditd.log.exit", "auditd.log.items", "auditd.log.syscall":
				if k == "@timestamp" {
					got[k] = strings.Replace(fmt.Sprint(got[k]), "000Z", "Z", 1)
				}
				agrees(t, got, k, fmt.Sprint(v), &compared)
			}
		}
	}
	t.Logf("%d values are equal", compared)
}

// The figures of "aureport --summary" on the same log.
func TestAuditEventsAreCountedAsAureportCounts(t *testing.T) {
	text, err := os.ReadFile(auditDir + "linux-auth.log")
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, e := range decoded(t, string(text)) {
		n["events"]++
		n[fmt.Sprint(e["event.action"])]++
		n[fmt.Sprint(e["event.action"], " ", e["event.outcome"])]++
		if e["event.category"] == "iam" {
			n["iam"]++
		}
		if v, ok := e["source.ip"]; ok && v == "10.66.66.66" {
			t.Errorf("a forged source: %v", e)
		}
	}
	for what, want := range map[string]int{
		"events":             581, // it says 588: a LOGIN record counts beside the system call of its serial
		"user_login failure": 55, "user_auth success": 14, "user_auth failure": 41, "iam": 17, "config_change": 8,
	} {
		if n[what] != want {
			t.Errorf("%s: %d, want %d", what, n[what], want)
		}
	}
}

func TestAuditRecordsInterleaveAndStayApart(t *testing.T) {
	got := decoded(t, `type=SYSCALL msg=audit(1490000000.000:1): arch=c000003e syscall=59 success=yes exit=0 pid=10 uid=0 comm="a" exe="/bin/a"
type=SYSCALL msg=audit(1490000000.000:2): arch=c000003e syscall=59 success=no exit=-13 pid=20 uid=0 comm="b" exe="/bin/b"
type=EXECVE msg=audit(1490000000.000:2): argc=2 a0="b" a1=66206F203D22
type=EXECVE msg=audit(1490000000.000:1): argc=1 a0="a"
type=PROCTITLE msg=audit(1490000000.000:1): proctitle=61006C73
type=EOE msg=audit(1490000000.000:2):
type=USER_LOGIN msg=audit(1490000000.001:3): pid=30 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct="root res=success addr=10.66.66.66" exe="/usr/sbin/sshd" hostname=? addr=192.0.2.7 terminal=sshd res=failed'`+"\x1dUID=\"root\" AUID=\"unset\"\n")
	if len(got) != 3 {
		t.Fatalf("%d events", len(got))
	}
	byPID := map[string]map[string]any{}
	for _, e := range got {
		byPID[fmt.Sprint(e["process.pid"])] = e
	}
	for _, tc := range []struct{ pid, field, want string }{
		{"10", "process.command_line", "a ls"}, {"10", "event.outcome", "success"}, {"10", "auditd.execve_args.a0", "a"},
		{"20", "auditd.execve_args.a1", "f o =\""}, {"20", "event.outcome", "failure"}, {"20", "process.executable", "/bin/b"},
		{"30", "user.name", "root res=success addr=10.66.66.66"}, {"30", "source.ip", "192.0.2.7"}, {"30", "event.outcome", "failure"},
		{"30", "event.category", "authentication"}, {"30", "auditd.log.UID", "root"},
	} {
		if v := fmt.Sprint(byPID[tc.pid][tc.field]); v != tc.want {
			t.Errorf("pid %s: %s is %q, want %q", tc.pid, tc.field, v, tc.want)
		}
	}
	if _, ok := byPID["30"]["user.audit.id"]; ok {
		t.Error("nobody has an audit id")
	}
}
