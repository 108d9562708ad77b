package parsers

import (
	"bytes"
	"io"
	"math"
	"sort"
	"time"

	"github.com/saypro/veritail/parsers/join"
	"github.com/saypro/veritail/parsers/stamp"
	"github.com/saypro/veritail/pipeline/event"
)

// Options are what a decoder is told about its generation beside the generation itself.
type Options struct {
	Host string         // host.name of events whose line names none
	Zone *time.Location // of time stamps without one; nil: UTC
	// Found says that the generation's format was not named but found in its content before: lines that it refuses are
	// tried against the other formats.
	Found bool
	Near  time.Time // when the file was written last: stamps without a year lie before it; zero: not known
	Live  bool      // the file is followed: lines may be decoded as they are written
	// Reread opens the file once more, decompressed, to look ahead for the years of stamps that have none; nil: it
	// cannot be read twice. A reader that is an io.Seeker is read at places only.
	Reread func() (io.ReadCloser, error)
	// Prefix is the setting that says how lines of a format with a prefix begin; empty: it is guessed from the lines.
	Prefix string
	// Layout is the setting that says what lines of a format with a layout look like; empty: they are as the format knows them.
	Layout string
	// Transactions are those of a configuration that is tried; nil: those that the set was told last.
	Transactions *Transactions
}

// A Decoder turns the lines of one generation into events; see pipeline.Decoder, which it implements.
type Decoder struct {
	set  *Set
	gen  event.Generation
	opts Options
	told *Transactions
	auto bool    // the format may be detected, and lines that it refuses tried against others
	own  *format // the format of the file; nil while undecided

	batch *event.Batch
	seq   uint64
	pages []*openPage // by the id of the format; 0: unparsed
	texts *texts      // in the batch's arena; nil before the first page

	clock       stamp.Clock
	joiner      *join.Joiner[lineInfo]
	carry       []*carry
	nestedCarry map[*nestedSpec][]*carry // of the records that messages hold
	mark        event.Mark
	opened      time.Time
	read        stamp.Moment // the time of the line at hand, where hasRead says that it has been read
	hasRead     bool
	idle        time.Time // when everything that was there had been decoded; zero: not yet
	fed         bool      // something was decoded since the last Flush

	line      captures     // of the line at hand
	ended     captures     // of a record that ends while a line is at hand
	inner     captures     // of the message
	nested    nestedRecord // that the message holds
	stream    streamLine
	members   scanned
	questions []question // that formats within others have answered for the row at hand
	ahead     []byte     // the lines of the block behind the one at hand
	inArena   []byte     // the line at hand, where it was read into the batch's arena
	arenaAt   event.Str  // and where it lies there
	stamped   []byte     // memory for stamps of several captures
	ranges    []textRange
	inHead    bool         // the record that is put together has had lines of its head only
	refused   *format      // the other format that took a refused line last
	sample    event.Sample // how the format was found
	shapes    shapes

	fits    map[*format]fit // of formats with a prefix: what took a line last
	laidOut []*format       // that the setting of a layout has made

	before []byte // the line before, of a format that may say that it was said again; nil: none
	kept   []byte // memory for it between two blocks

	width width
	utf8  []byte // the line at hand, where the file is not in UTF-8

	resuming bool // the lines at hand are those of open records; they end none
}

// NewDecoder returns a decoder for generation g. Its Format names the format, or is empty or "auto" to have it
// detected from the content.
func (s *Set) NewDecoder(g event.Generation, opts Options) (*Decoder, error) {
	if err := s.Known(g.Format); err != nil {
		return nil, err
	}
	if opts.Zone == nil {
		opts.Zone = time.UTC
	}
	d := &Decoder{
		set: s, gen: g, opts: opts, pages: make([]*openPage, len(s.byName)+1),
		clock: stamp.NewClock(opts.Zone, opts.Near), opened: time.Now(),
		mark: event.Mark{Gen: g.ID},
	}
	d.listen()
	if opts.Reread != nil {
		d.clock.Reread = d.reread
	}
	if opts.Layout != "" {
		d.laidOut, _ = s.layouts(g.Format, opts.Layout)
	}
	d.auto = opts.Found
	if g.Format == "" || g.Format == "auto" {
		d.auto = true
	} else {
		d.use(d.asLaidOut(s.whole(s.get(s.byName[g.Format]))))
	}
	return d, nil
}

// captures returns what the decoder has of them.
func (d *Decoder) captures() []*captures {
	return []*captures{&d.line, &d.ended, &d.inner, &d.nested.captures, &d.stream.captures}
}

// makeRoom makes room for captures.
func (d *Decoder) makeRoom(r room) {
	for _, c := range d.captures() {
		if n := r.slots - len(c.slots); n > 0 {
			c.slots = append(c.slots, make([]int32, n)...)
		}
		if n := r.temps - len(c.temps); n > 0 {
			c.temps = append(c.temps, make([][]byte, n)...)
		}
	}
}

// use makes f, which is whole, the file's format.
func (d *Decoder) use(f *format) {
	d.own = f
	d.makeRoom(f.room)
	d.gen.Format = f.name
	if f.join != nil {
		d.joiner = join.New(f.join.maxLines, f.join.maxBytes, d.joined)
	}
	for _, spec := range f.carry {
		d.carry = append(d.carry, newCarry(spec))
	}
	if f.streams != nil {
		for _, l := range f.streams.lines {
			if l.complete.Load() {
				d.openLines(l)
			}
		}
	}
}

// Decode implements pipeline.Decoder.
func (d *Decoder) Decode(b *event.Batch, block []byte, off int64) {
	d.attach(b)
	d.listen()
	if off == 0 {
		d.width = widthOf(block)
	}
	if d.own == nil && d.auto {
		text := block
		if d.width != narrow {
			text = d.width.decode(nil, block, off)
		}
		if f, sure := d.detect(text); f != nil {
			d.sample = sure
			d.use(d.set.whole(f))
		}
	}
	now := time.Now()
	d.received(now)
	d.lines(block, off, now)
	d.mark.Off = off + int64(len(block))
	d.completePages()
}

// lines decodes the lines of block, which begins at off.
func (d *Decoder) lines(block []byte, off int64, now time.Time) {
	d.fitBlock(block)
	if d.width != narrow {
		d.wideLines(block, off, now)
		return
	}
	var at event.Str
	read := false
	if d.batch != nil { // else open records are read again
		at, read = d.batch.Find(block)
	}
	for len(block) > 0 {
		n := bytes.IndexByte(block, '\n') + 1
		if n == 0 {
			n = len(block)
		}
		line := block[:n]
		if off == 0 {
			line = bytes.TrimPrefix(line, utf8Mark)
		}
		d.ahead = block[n:]
		text := trimEOL(line)
		if read {
			d.inArena, d.arenaAt = text, event.Str{Off: at.Off + uint32(n-len(line)), Len: uint32(len(text))}
		}
		d.decodeLine(text, event.Span{Off: off, Len: int32(n)}, now)
		block, off, at.Off = block[n:], off+int64(n), at.Off+uint32(n)
	}
	d.ahead, d.inArena = nil, nil
	d.keepBefore()
}

// put returns where the batch's arena has raw: where it was read to if it is the line at hand, else it is put there.
func (d *Decoder) put(raw []byte) event.Str {
	if len(raw) > 0 && len(raw) == len(d.inArena) && &raw[0] == &d.inArena[0] {
		return d.arenaAt
	}
	return d.texts.arena.Put(raw)
}

// trimEOL takes the line ending off.
func trimEOL(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}

// decodeLine decodes one line.
func (d *Decoder) decodeLine(line []byte, span event.Span, now time.Time) {
	d.mark.Lines.Read++
	d.mark.Lines.Bytes += int64(span.Len)
	if d.own != nil && d.own.join != nil && d.own.join.assembly != nil {
		d.assembleLine(line, span, now)
		return
	}
	if len(line) == 0 {
		if d.joiner != nil && d.own.join.rest && d.joiner.Continue(line, span, now) {
			return
		}
		d.ignored()
		return
	}
	if f := d.own; f != nil {
		if d.tryFormat(f, line, span, now) {
			return
		}
	}
	// What a program writes without an envelope may hold anything, a statement of somebody for one: read as a line of
	// another format it would forge an event.
	if d.joiner != nil && d.own.join.rest && d.joiner.Continue(line, span, now) {
		return
	}
	if d.auto && d.tryOthers(line, span) {
		d.forget()
		d.before = nil
		return
	}
	d.forget()
	d.before = nil
	d.unparsed(line, []event.Span{span}, 1, false)
	d.shapes.add(line, span.Off)
}

// ignored counts a line that is no event.
func (d *Decoder) ignored() {
	d.forget()
	d.mark.Lines.Ignored++
}

// forget makes the next line continue no record: the line at hand belongs to none.
func (d *Decoder) forget() {
	if d.joiner != nil {
		d.joiner.Forget()
	}
}

// tryFormat decodes the line as one of the file's own format.
func (d *Decoder) tryFormat(f *format, line []byte, span event.Span, now time.Time) bool {
	if j := f.join; j != nil && j.continued != nil && d.joiner.Continues() && j.continued.Match(line, d.line.slots) >= 0 {
		return d.joiner.Continue(line, span, now)
	}
	if d.readHeader(f, line, span) || d.takes(f.ignore, line) {
		d.ignored()
		return true
	}
	p, ok := d.match(f, line, &d.line)
	if !ok {
		return false
	}
	switch {
	case d.addToStream(f, p, line, span, now):
	case f.join == nil || p.repeats || !d.goesOn(f.join, p):
		d.forget()
		d.event(f, p, &d.line, line, []event.Span{span}, nil)
		if d.joiner != nil && d.joiner.Len() > 0 && !d.resuming {
			d.joiner.Expire(d.clock.Latest() - f.join.wait.Microseconds())
		}
	default:
		d.join(f, p, line, span, now)
	}
	d.keepLine(f, p, line)
	return true
}

// match finds the pattern of f that takes text; c then holds what it captured, and d.members the members that it holds.
func (d *Decoder) match(f *format, text []byte, c *captures) (*pattern, bool) {
	if f.prefix != nil {
		p := d.matchPrefixed(f, text, c)
		return p, p != nil
	}
	if f.members == nil {
		p := f.patterns.first(text, c.slots)
		return p, p != nil
	}
	p := f.bare
	if p == nil {
		if p = f.patterns.first(text, c.slots); p == nil {
			return nil, false
		}
	}
	d.members.none()
	in, ok := p.holds(text, c.slots)
	if !ok || d.scan(f, text, in) {
		return p, true
	}
	d.members.none()
	p = f.without.first(text, c.slots)
	return p, p != nil
}

// tryOthers tries the formats that are not the file's own, the one that took a line last first.
func (d *Decoder) tryOthers(line []byte, span event.Span) bool {
	try := func(f *format) bool {
		if f == nil || f == d.own {
			return false
		}
		d.makeRoom(room{slots: f.slots})
		p, ok := d.match(f, line, &d.line)
		if ok {
			d.refused = d.set.whole(f)
			d.makeRoom(f.room)
			d.event(f, p, &d.line, line, []event.Span{span}, nil)
		}
		return ok
	}
	if try(d.refused) {
		return true
	}
	last := d.refused
	for _, e := range d.set.lines {
		if !e.mayTake(line) {
			continue
		}
		if f := d.set.get(e); f != last && try(f) {
			return true
		}
	}
	return false
}

// unparsed keeps a line that no format takes, or a record of several that were put together first.
func (d *Decoder) unparsed(raw []byte, spans []event.Span, lines int32, cut bool) {
	op := d.pageFor(nil)
	pg := op.page
	i := pg.AddRow(d.put(raw), lines, spans)
	pg.Unparsed.Set(i)
	if cut {
		pg.CutRows.Set(i)
		d.mark.Lines.Cut++
	}
	op.setTime(i, d.clock.Without(), d.set)
	d.mark.Lines.Unparsed += int64(lines)
}

// Long implements pipeline.Decoder.
func (d *Decoder) Long(b *event.Batch, head []byte, off, length int64) {
	d.attach(b)
	d.mark.Lines.Read++
	d.mark.Lines.Bytes += length
	d.forget()
	d.before = nil
	if off == 0 {
		d.width = widthOf(head)
	}
	d.unparsed(d.textAt(head, off), []event.Span{{Off: off, Len: int32(min(length, math.MaxInt32))}}, 1, true)
	d.mark.Off = off + length
	d.completePages()
}

// Flush implements pipeline.Decoder.
func (d *Decoder) Flush(b *event.Batch, now time.Time, final bool) {
	d.attach(b)
	if !d.fed {
		d.idle = now
	}
	d.fed = false
	if d.joiner != nil {
		if final {
			d.joiner.Drain()
		} else {
			d.joiner.ExpireSeen(now.Add(-d.own.join.wait))
			d.joiner.Pause(now.Add(-d.own.join.pause))
		}
	}
	if final {
		d.members.columns = nil
		d.clock.Reach(d.mark.Low)
		d.mark.Low = math.MaxInt64
	}
	d.completePages()
}

// Mark implements pipeline.Decoder.
func (d *Decoder) Mark() event.Mark {
	m := d.mark
	m.Low = max(m.Low, d.clock.Latest())
	if d.members.columns != nil {
		m.Open = append(m.Open, d.members.header)
	}
	if d.joiner == nil {
		return m
	}
	low := d.clock.Latest()
	d.joiner.Open(func(r *join.Record[lineInfo]) {
		m.Open = append(m.Open, r.Spans...)
		m.Lines.Read -= int64(r.Lines)
		m.Lines.Bytes -= r.Bytes
		low = min(low, r.First)
	})
	sort.Slice(m.Open, func(i, j int) bool { return m.Open[i].Off < m.Open[j].Off })
	if d.mark.Low != math.MaxInt64 {
		m.Low = max(d.mark.Low, low)
		d.mark.Low = m.Low
	}
	return m
}
