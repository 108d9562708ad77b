package query

import (
	"math/bits"
	"slices"

	"github.com/saypro/veritail/pipeline/event"
)

// merge makes one test of those alternatives that compare the same keyword with values, and of many that compare the same
// field with addresses and networks: a list of thousands costs about what one value does.
func merge(kids []node) []node {
	words, nets := map[event.Field]*wordsTest{}, map[event.Field]*netsTest{}
	var rest []node
	for _, k := range kids {
		switch k := k.(type) {
		case *stringTest:
			if k.re == nil && k.glob == nil && k.cost() == costString {
				if words[k.f] == nil {
					words[k.f] = &wordsTest{f: k.f, shared: k.shared, known: k.known}
					rest = append(rest, words[k.f])
				}
				words[k.f].add(k.value)
				continue
			}
		case *ipTest:
			if nets[k.f] == nil {
				nets[k.f] = &netsTest{f: k.f}
				rest = append(rest, nets[k.f])
			}
			nets[k.f].list = append(nets[k.f].list, k)
			continue
		}
		rest = append(rest, k)
	}
	for _, n := range nets {
		n.sort()
	}
	return rest
}

// A wordsTest holds where a keyword has one of some values.
type wordsTest struct {
	f      event.Field
	shared *shared
	known  *keyword
	list   []int  // numbers of the values there
	member []bool // by number
}

func (n *wordsTest) add(value int) {
	for len(n.member) <= value {
		n.member = append(n.member, false)
	}
	if !n.member[value] {
		n.member[value] = true
		n.list = append(n.list, value)
	}
}

func (n *wordsTest) cost() int { return costString }

func (n *wordsTest) eval(p *event.Page, in, out *event.Bits) {
	*out = event.Bits{}
	c := column(p, n.f, event.Keyword)
	if c == nil {
		return
	}
	page := n.shared.page
	n.known.read(page, p, c)
	list := n.list
	if len(n.known.here) < len(list) {
		list = n.known.here
	}
	for _, v := range list {
		if v < len(n.member) && n.member[v] && n.known.seen[v] == page {
			for w, rows := range &n.known.rows[v] {
				out[w] |= rows & in[w]
			}
		}
	}
}

// manyNets is how many ranges of addresses are searched by halves; of fewer each is compared with all rows.
const manyNets = 8

// A netsTest holds where an address lies in one of some ranges.
type netsTest struct {
	f    event.Field
	list []*ipTest // ascending and apart, once sorted
	left event.Bits
}

// sort orders the ranges and joins those that overlap.
func (n *netsTest) sort() {
	slices.SortFunc(n.list, func(a, b *ipTest) int { return a.lo.Compare(b.lo) })
	apart := n.list[:0]
	for _, r := range n.list {
		if last := len(apart) - 1; last >= 0 && r.lo.Compare(apart[last].hi) <= 0 {
			if r.hi.Compare(apart[last].hi) > 0 {
				apart[last] = &ipTest{n.f, apart[last].lo, r.hi}
			}
			continue
		}
		apart = append(apart, r)
	}
	n.list = apart
}

func (n *netsTest) cost() int { return costColumn * min(len(n.list), manyNets) }

func (n *netsTest) eval(p *event.Page, in, out *event.Bits) {
	*out = event.Bits{}
	c := column(p, n.f, event.Address)
	if c == nil {
		return
	}
	if len(n.list) <= manyNets {
		for _, r := range n.list {
			r.eval(p, in, &n.left)
			for w, rows := range &n.left {
				out[w] |= rows
			}
		}
		return
	}
	for w := range out {
		for rows := in[w] & c.Valid[w]; rows != 0; rows &= rows - 1 {
			i := bits.TrailingZeros64(rows)
			ip := c.IP[w<<6+i]
			at, _ := slices.BinarySearchFunc(n.list, ip, func(r *ipTest, ip event.IP) int { return r.hi.Compare(ip) })
			if at < len(n.list) && n.list[at].lo.Compare(ip) <= 0 {
				out[w] |= 1 << i
			}
		}
	}
}
