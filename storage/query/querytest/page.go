package querytest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// The pools of values.
var (
	keywords = []string{"", "failure", "success", "root", "Root", "admin", "web1", "web-2", "web", "über", "ÜBER", "naïve*",
		"a b", `C:\temp`, `say "hi"`, "tab\there", "line\nbreak", "/login", "/admin/login?x=1", "10.0.0.1", "10.0.0.0/8",
		"40P01", "5", "5.0", "05", "and", "NOT", "日本", "日", "it's", "100%", "_x", "<none>", "a=b", "true"}
	words = []string{"deadlock", "Deadlock", "DEADLOCK", "dead", "lock", "detected", "Detected:", "failed", "password", "for",
		"user_1", "root", "über", "ÜBER", "straße", "İstanbul", "K9", "K9", "日本", "x", "40P01", "10.0.0.1", "[42]",
		"ﬁle", "Ⅷ", "٣", "ǅ", "e\u0301t\u0301", "100%", "it's", "a-b", "\n", "—", "👍"}
	ints   = []int64{0, 1, -1, 5, 200, 301, 399, 400, 404, 499, 500, 503, 65535}
	floats = []float64{0, 0.5, -0.5, 1, 1.5, 2, 5, 100, 1e9, -1e-9}
	// durations are ns.
	durations = []int64{0, 1, 1000, 150e6, 999999999, 1e9, 2e9, 2000000001, 3600e9}
	addresses = []string{"10.0.0.1", "10.0.0.2", "10.1.2.3", "10.255.255.255", "11.0.0.0", "9.255.255.255", "127.0.0.1",
		"::1", "::", "fe80::1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::", "255.255.255.255", "0.0.0.0"}
	// objects are values of the JSON object.
	objects = []string{`"root"`, `"Root"`, `""`, `"5"`, `"5.0"`, `"05"`, `" 5"`, `5`, `5.0`, `-0.5`, `0.5`, `1e3`, `1000`, `404`,
		`499.5`, `true`, `false`, `"true"`, `null`, `[1,"root"]`, `{"a":5,"x.k":"root"}`, `[]`, `"a\"b\\c\/d\n"`, `"\u00fcber"`,
		`"über"`, `"web\u0031"`, `"\ud83d\udc4d"`, `"12345678901234567890"`, `12345678901234567890`, `"x.n\":5"`, `"}"`, `"NaN"`, `"1e3"`}
	// objectKeys are fields that Schema does not know.
	objectKeys = []string{"x.n", "x.k", "labels.team", "k", "weird name"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// RandomPage returns a complete page of rows events of a random generation, at ascending offsets. Each value is
// there in about three rows of four, each column in most pages.
func RandomPage(r *rand.Rand, schema *event.Schema, rows int) *event.Page {
	p := &event.Page{
		Schema: schema,
		Arena:  &event.Arena{},
		Gen:    event.GenID(r.Uint64() >> 1),
		Path:   pick(r, []string{"/var/log/auth.log", "/var/log/nginx/access.log"}),
		Data:   pick(r, []string{"sshd", "nginx.access", "postgresql"}),
		Format: pick(r, []string{"", "sshd", "nginx.access"}),
		Site:   pick(r, []string{"", "", "berlin"}),
	}
	var fields []event.Field
	for f := range event.Field(len(schema.Fields())) {
		if (f < event.StoredColumns || f > event.FieldUnparsed) && r.IntN(8) > 0 && f != event.FieldTime {
			fields = append(fields, f)
		}
	}
	off := int64(r.IntN(1000))
	for range rows {
		off = addRow(r, p, fields, off)
	}
	p.Complete()
	return p
}

// addRow appends a row at off and returns the offset of the next.
func addRow(r *rand.Rand, p *event.Page, fields []event.Field, off int64) int64 {
	raw := []byte(sentence(r))
	if r.IntN(10) == 0 {
		raw = append(raw, "\xff\xc3dead\xe4lock"...)
	}
	size := int32(len(raw) + 1)
	i := p.AddRow(p.Arena.Put(raw), 1, []event.Span{{Off: off, Len: size}})
	p.SetInt(i, event.FieldTime, randomTime(r))
	for _, f := range fields {
		if r.IntN(4) > 0 {
			setRandom(r, p, i, f)
		}
	}
	if r.IntN(5) == 0 {
		p.Unparsed.Set(i)
	}
	if r.IntN(3) > 0 {
		p.Extra[i] = p.Arena.PutString(object(r))
	}
	return off + int64(size)
}

// randomTime is in the two days before Now, often at a whole minute.
func randomTime(r *rand.Rand) int64 {
	ago := r.Int64N(2 * 86400e6)
	if r.IntN(2) == 0 {
		ago -= ago % 60e6
	}
	return Now.UnixMicro() - ago
}

func setRandom(r *rand.Rand, p *event.Page, i int, f event.Field) {
	switch p.Schema.Def(f).Kind {
	case event.Keyword:
		p.SetStr(i, f, p.Arena.PutString(pick(r, keywords)))
	case event.Text:
		p.SetStr(i, f, p.Arena.PutString(sentence(r)))
	case event.Int:
		p.SetInt(i, f, pick(r, ints))
	case event.Float:
		p.SetFloat(i, f, pick(r, floats))
	case event.Time:
		p.SetInt(i, f, randomTime(r))
	case event.Duration:
		p.SetInt(i, f, pick(r, durations))
	case event.Address:
		p.SetIP(i, f, event.IPFrom(netip.MustParseAddr(pick(r, addresses))))
	case event.Bool:
		p.SetInt(i, f, int64(r.IntN(2)))
	}
}

func sentence(r *rand.Rand) string {
	var b strings.Builder
	for i := range r.IntN(8) {
		if i > 0 {
			b.WriteString(pick(r, []string{" ", " ", "  ", "", ": ", "-", "\u00a0"}))
		}
		b.WriteString(pick(r, words))
	}
	return b.String()
}

func object(r *rand.Rand) string {
	var pairs []string
	for _, k := range objectKeys {
		if r.IntN(3) == 0 {
			continue
		}
		key := strconv.Quote(k)
		if r.IntN(8) == 0 {
			key = fmt.Sprintf(`"\u%04x%s"`, k[0], k[1:])
		}
		pairs = append(pairs, key+pick(r, []string{":", " : "})+pick(r, objects))
	}
	return "{" + strings.Join(pairs, pick(r, []string{",", ", "})) + "}"
}

// near returns v or a neighbour of it.
func near(r *rand.Rand, v int64) int64 {
	switch d := int64(r.IntN(3) - 1); {
	case v == math.MaxInt64 || v == math.MinInt64:
		return v
	default:
		return v + d
	}
}
