package event

// A Batch is what the decoders of some sources read since the last one: pages, and per generation the mark it
// starts from and the one it ends at (From[i] and To[i] are of the same generation; each generation stands once).
// Its bytes belong to the reader until Release is called, exactly once, after the commit.
type Batch struct {
	Pages    []*Page
	From, To []Mark
	Gens     []Generation // those that are new or have changed their path or format
	Seq      uint64       // decoders number the batches that they fill, to know their own pages in it; 0: not begun
	arena    *Arena
	release  []func()
}

// Arena returns the arena of the batch, to which the pages' strings are read and put. It is the batch's until Release.
func (b *Batch) Arena() *Arena {
	if b.arena == nil {
		b.arena = takeArena()
		b.OnRelease(b.arena.release)
	}
	return b.arena
}

// Find returns where text lies in the batch's arena, and false where it does not: as Arena.Find.
func (b *Batch) Find(text []byte) (Str, bool) {
	if b.arena == nil {
		return Str{}, false
	}
	return b.arena.Find(text)
}

// Fit gives memory back that the arena has and does not use, where that is most of it: many small batches may wait for
// one commit.
func (b *Batch) Fit() {
	if b.arena != nil {
		b.arena.fit()
	}
}

// OnRelease adds f to what Release calls.
func (b *Batch) OnRelease(f func()) { b.release = append(b.release, f) }

// Release gives the batch's memory back. Nothing of its pages may be used afterwards.
func (b *Batch) Release() {
	for _, f := range b.release {
		f()
	}
	*b = Batch{}
}

// Rows returns the number of events.
func (b *Batch) Rows() int {
	n := 0
	for _, p := range b.Pages {
		n += p.N
	}
	return n
}

// Merge appends o, which must hold later reading than b, to b. o is empty afterwards.
func (b *Batch) Merge(o *Batch) {
	b.Pages = append(b.Pages, o.Pages...)
	b.Gens = append(b.Gens, o.Gens...)
	b.release = append(b.release, o.release...)
next:
	for i := range o.To {
		for j := range b.To {
			if b.To[j].Gen == o.To[i].Gen {
				b.To[j] = o.To[i]
				continue next
			}
		}
		b.From, b.To = append(b.From, o.From[i]), append(b.To, o.To[i])
	}
	*o = Batch{}
}

// An Evidence points at one event that a finding rests on, and keeps what is needed to show and to verify it after
// the event has left the store.
type Evidence struct {
	Gen     GenID    `json:"gen"`
	Path    string   `json:"file"`
	Spans   []Span   `json:"spans"`
	Time    int64    `json:"time"`             // µs
	SHA256  [32]byte `json:"-"`                // of the record's text
	Text    string   `json:"text"`             // the record's text, at most EvidenceText bytes
	Teller  bool     `json:"teller,omitempty"` // it tells of an occurrence that another evidence counts already
	Dataset string   `json:"dataset"`
}

// EvidenceText bounds the text that an Evidence keeps.
const EvidenceText = 4096

// A GroupValue is one field of a finding's group; Value is "-" where the records do not give it.
type GroupValue struct {
	Field string `json:"field"`
	Value string `json:"value"`
}

// A Finding is what a rule found. It is immutable: verdicts and issues are records that point at it. Its ID is
// made of rule, group and the crossing event, so that reading the same lines again yields the same finding.
type Finding struct {
	ID       string   `json:"id"`
	Rule     string   `json:"rule"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Severity string   `json:"severity"` // critical, high, medium, low
	Audience []string `json:"audience"` // security, dba, operator
	Runbook  string   `json:"runbook"`

	Priority   string   `json:"priority,omitempty"` // of those who have to do something: high, medium, low
	Tags       []string `json:"tags,omitempty"`     // attack.t1110: a technique of MITRE ATT&CK
	References []string `json:"references,omitempty"`

	Site     string       `json:"site,omitempty"`
	Group    []GroupValue `json:"group"`
	Count    int64        `json:"count"` // occurrences it rests on
	Time     int64        `json:"time"`  // of the crossing event, µs
	First    int64        `json:"first"`
	Last     int64        `json:"last"`
	Evidence []Evidence   `json:"evidence"`
}

// A Delta is an amount to add to one cell of the rollups: Series at the minute Minute, for one data set. For
// percentiles Bucket is the cell of a logarithmic histogram, else 0.
type Delta struct {
	Site    string
	Series  string // "rule/<id>" or "kpi/<id>/<part>"
	Dataset string
	Minute  int64 // µs, a multiple of a minute
	Bucket  int32
	N       int64
	Sum     float64
}

// A Seal closes a span of a generation in the ledger. The ledger comes with the integrity issue; until then a
// commit has none.
type Seal struct {
	Gen    GenID
	Span   Span
	SHA256 [32]byte
}

// A Commit is a batch with what the stages made of it. All of it becomes durable together, or none.
type Commit struct {
	*Batch
	Findings []Finding
	Rollups  []Delta
	Seals    []Seal
}
