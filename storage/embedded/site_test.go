package embedded

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// siteLogs are the logs of a small site for some days: a web server, an application, a database and sshd, each a file,
// in the proportions 12:5:2:1. Addresses, users and paths are skewed. Lines have about 270 bytes. Its memory is used
// again, so a commit is valid until the next is made.
type siteLogs struct {
	schema *event.Schema
	r      *rand.Rand
	zipf   *rand.Zipf
	at     int64 // µs
	step   float64
	files  [4]siteFile
	made   int64
	raw    int64 // bytes of lines
	pages  []*event.Page
	arena  event.Arena

	version, bytes, referrer, agent, url, trace event.Field
}

type siteFile struct {
	dataset string
	mark    event.Mark
}

// siteNeedle stands in one line, siteDeadlock in one of some ten thousand.
const (
	siteNeedle   = "5f0c9ab2d4e1"
	siteDeadlock = "deadlock detected"
)

// newSiteLogs makes logs in which events are spread evenly over days from start on.
func newSiteLogs(start time.Time, days, events int) *siteLogs {
	r := rand.New(rand.NewPCG(7, 14))
	l := &siteLogs{schema: event.NewSchema(), r: r, zipf: rand.NewZipf(r, 1.2, 8, 5000), at: start.UnixMicro(),
		step: float64(days) * float64(microsPerDay) / float64(events)}
	for i, name := range []string{"nginx.access", "shop.app", "postgresql", "sshd"} {
		l.files[i] = siteFile{name, event.Mark{Gen: event.GenID(0x1111111111111111 * (i + 1))}}
	}
	for _, d := range []struct {
		f    *event.Field
		name string
		kind event.Kind
	}{
		{&l.version, "http.version", event.Keyword}, {&l.bytes, "http.response.body.bytes", event.Int},
		{&l.referrer, "http.request.referrer", event.Keyword}, {&l.agent, "user_agent.original", event.Keyword},
		{&l.url, "url.original", event.Keyword}, {&l.trace, "trace.id", event.Keyword},
	} {
		f, err := l.schema.Add(d.name, d.kind)
		if err != nil {
			panic(err) // the names differ from the core's
		}
		*d.f = f
	}
	return l
}

// commit makes a commit of about rows events with rollups by the minute.
func (l *siteLogs) commit(rows int) *event.Commit {
	l.arena.Buf = l.arena.Buf[:0]
	c := &event.Commit{Batch: new(event.Batch)}
	spare := l.pages
	l.pages = nil
	var open [4]*event.Page
	minutes := make(map[int64]int64)
	for _, f := range l.files {
		c.From = append(c.From, f.mark)
	}
	for range rows {
		i := [20]int{12: 1, 13: 1, 14: 1, 15: 1, 16: 1, 17: 2, 18: 2, 19: 3}[l.made%20]
		if p := open[i]; p == nil || p.N == event.PageRows {
			p = new(event.Page)
			if n := len(spare); n > 0 {
				p, spare = spare[n-1], spare[:n-1]
				p.Reset()
			}
			f := &l.files[i]
			p.Schema, p.Arena, p.Gen, p.Data, p.Format, p.Path = l.schema, &l.arena, f.mark.Gen, f.dataset, f.dataset, "/var/log/"+f.dataset+".log"
			open[i] = p
			l.pages = append(l.pages, p)
		}
		l.at += int64(l.r.ExpFloat64() * l.step)
		l.add(i, open[i])
		minutes[l.at/60e6*60e6]++
		l.made++
	}
	for _, p := range l.pages {
		p.Complete()
	}
	c.Pages = l.pages
	for _, f := range l.files {
		c.To = append(c.To, f.mark)
	}
	for m, n := range minutes {
		for bucket := range int32(20) {
			c.Rollups = append(c.Rollups, event.Delta{Series: "kpi/response-time/histogram", Dataset: "nginx.access", Minute: m, Bucket: bucket, N: n, Sum: float64(n)})
		}
	}
	return c
}

func (l *siteLogs) str(p *event.Page, row int, f event.Field, s string) {
	p.SetStr(row, f, p.Arena.PutString(s))
}

// line appends a line, which may hold its message from msg on, and returns its row.
func (l *siteLogs) line(i int, p *event.Page, msg int, text []byte) int {
	raw := p.Arena.Put(text)
	m := &l.files[i].mark
	row := p.AddRow(raw, 1, []event.Span{{Off: m.Off, Len: int32(raw.Len + 1)}})
	m.Off += int64(raw.Len + 1)
	m.Lines.Read++
	m.Lines.Parsed++
	l.raw += int64(raw.Len + 1)
	p.SetInt(row, event.FieldTime, l.at)
	if msg > 0 {
		p.SetStr(row, event.FieldMessage, event.Str{Off: raw.Off + uint32(msg), Len: raw.Len - uint32(msg)})
	}
	return row
}

func (l *siteLogs) add(i int, p *event.Page) {
	z := l.zipf.Uint64()
	ts := time.UnixMicro(l.at).UTC()
	user := fmt.Sprintf("user%d", l.zipf.Uint64()%2000)
	ip := [4]byte{10, byte(z >> 8), byte(z), byte(l.r.IntN(4))}
	d := time.Duration(1e6 + l.r.ExpFloat64()*80e6)
	failed := l.r.IntN(40) == 0
	outcome := "success"
	if failed {
		outcome = "failure"
	}
	row := 0
	switch i {
	case 0:
		row = l.web(p, ts, ip, d, failed)
	case 1:
		level := "INFO"
		if failed {
			level = "ERROR"
		}
		trace := fmt.Sprintf("%016x", l.r.Uint64())
		if l.made == 1_234_573 || l.made == 20_013 {
			trace = siteNeedle
		}
		head := fmt.Appendf(nil, "%s %-5s [worker-%d] shop.orders.OrderService trace=%s user=%s ", ts.Format("2006-01-02T15:04:05.000Z"), level, l.r.IntN(32), trace, user)
		row = l.line(i, p, len(head), fmt.Appendf(head, "order %d of %d items priced at %d.%02d EUR was %s after %d ms; carrier %d, voucher none, warehouse north, retries %d, basket kept for the next visit",
			l.r.IntN(1e6), 1+l.r.IntN(9), l.r.IntN(400), l.r.IntN(100), map[bool]string{true: "refused by the payment provider", false: "confirmed"}[failed], d.Milliseconds(), l.r.IntN(6), l.r.IntN(3)))
		l.str(p, row, event.FieldLevel, level)
		l.str(p, row, event.FieldUser, user)
		l.str(p, row, l.trace, trace)
		p.SetInt(row, event.FieldDuration, int64(d))
	case 2:
		head := fmt.Appendf(nil, "%s UTC [%d] %s@shop LOG:  ", ts.Format("2006-01-02 15:04:05.000"), 1000+l.r.IntN(60), user)
		text := fmt.Appendf(nil, "duration: %.3f ms  statement: SELECT o.id, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = %d AND o.state IN ('open', 'paid') ORDER BY o.created_at DESC LIMIT 50",
			d.Seconds()*1e3, l.r.IntN(1e6))
		if l.r.IntN(1000) == 0 {
			text = fmt.Appendf(nil, "%s: process %d waits for ShareLock on transaction %d; blocked by process %d", siteDeadlock, l.r.IntN(9999), l.r.IntN(1e6), l.r.IntN(9999))
			l.str(p, p.N, event.FieldDBCode, "40P01")
		}
		row = l.line(i, p, len(head), append(head, text...))
		l.str(p, row, event.FieldUser, user)
		l.str(p, row, event.FieldNamespace, "shop")
		p.SetInt(row, event.FieldDuration, int64(d))
	case 3:
		outcome = [2]string{"failure", "success"}[l.r.IntN(2)]
		verb := map[string]string{"failure": "Failed", "success": "Accepted"}[outcome]
		head := fmt.Appendf(nil, "%s web1 sshd[%d]: ", ts.Format(time.Stamp), 1000+l.r.IntN(9000))
		row = l.line(i, p, len(head), fmt.Appendf(head, "%s password for %s from %d.%d.%d.%d port %d ssh2", verb, user, ip[0], ip[1], ip[2], ip[3], 1024+l.r.IntN(60000)))
		l.str(p, row, event.FieldUser, user)
		l.str(p, row, event.FieldCategory, "authentication")
	}
	l.str(p, row, event.FieldOutcome, outcome)
	p.SetIP(row, event.FieldSourceIP, event.IP{Lo: 0xffff<<32 | uint64(ip[0])<<24 | uint64(ip[1])<<16 | uint64(ip[2])<<8 | uint64(ip[3])})
}

func (l *siteLogs) web(p *event.Page, ts time.Time, ip [4]byte, d time.Duration, failed bool) int {
	path := fmt.Sprintf("/shop/items/%d", l.zipf.Uint64())
	url := path
	if l.r.IntN(3) == 0 {
		url = fmt.Sprintf("%s?page=%d&sort=price", path, l.r.IntN(50))
	}
	status, size := 200, 200+l.r.IntN(40_000)
	if failed {
		status = []int{404, 404, 500, 502}[l.r.IntN(4)]
	}
	agent := agents[l.zipf.Uint64()%uint64(len(agents))]
	row := l.line(0, p, 0, fmt.Appendf(nil, `%d.%d.%d.%d - - [%s] "GET %s HTTP/1.1" %d %d "https://shop.example.com%s" "%s" rt=%.3f urt=%.3f host=shop.example.com`,
		ip[0], ip[1], ip[2], ip[3], ts.Format("02/Jan/2006:15:04:05 -0700"), url, status, size, path, agent, d.Seconds(), d.Seconds()*0.9))
	l.str(p, row, event.FieldModule, "nginx")
	l.str(p, row, event.FieldCategory, "web")
	l.str(p, row, event.FieldMethod, "GET")
	l.str(p, row, event.FieldURLPath, path)
	p.SetInt(row, event.FieldStatus, int64(status))
	p.SetInt(row, event.FieldDuration, int64(d))
	l.str(p, row, l.version, "1.1")
	p.SetInt(row, l.bytes, int64(size))
	l.str(p, row, l.referrer, "https://shop.example.com"+path)
	l.str(p, row, l.agent, agent)
	l.str(p, row, l.url, url)
	return row
}
