package automaton

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A need is what an expression says of the texts that it matches: they are, or they hold, one of some texts.
type need struct {
	are   []string // at most maxAre, or nil
	needs []string // needles, where are is nil; nil without
}

// maxAre bounds the texts that a part of an expression may be.
const maxAre = 16

// needOf returns the need of re. Assertions and looks are left out of account: without them re would match no less.
func needOf(re *syntax.Regexp) need {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return need{are: []string{""}}
	case syntax.OpLiteral:
		return needOfLiteral(re)
	case syntax.OpCharClass:
		return needOfClass(re)
	case syntax.OpCapture:
		return needOf(re.Sub[0])
	case syntax.OpPlus:
		return need{needs: needOf(re.Sub[0]).needles()}
	case syntax.OpQuest:
		if are := needOf(re.Sub[0]).are; are != nil && len(are) < maxAre {
			return need{are: append(are, "")}
		}
	case syntax.OpConcat:
		return needOfAll(re.Sub)
	case syntax.OpAlternate:
		return needOfOne(re.Sub)
	}
	return need{}
}

func needOfLiteral(re *syntax.Regexp) need {
	var b strings.Builder
	for _, r := range re.Rune {
		if isMarker(r) {
			continue
		}
		// bytes that are not UTF-8 are matched as U+FFFD but are not that in the text
		if r == utf8.RuneError || re.Flags&syntax.FoldCase != 0 && unicode.SimpleFold(r) != r {
			return need{}
		}
		b.WriteRune(r)
	}
	return need{are: []string{b.String()}}
}

func needOfClass(re *syntax.Regexp) need {
	var are []string
	for i := 0; i < len(re.Rune); i += 2 {
		for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
			if len(are) == maxAre || r == utf8.RuneError {
				return need{}
			}
			are = append(are, string(r))
		}
	}
	return need{are: are}
}

// needOfAll puts what parts beside each other are together, as long as that are few texts; of these and of what other parts
// need, the best needles count.
func needOfAll(parts []*syntax.Regexp) need {
	run, all := []string{""}, true
	var best []string
	for _, part := range parts {
		n := needOf(part)
		if n.are != nil && len(n.are)*len(run) <= maxAre {
			var both []string
			for _, x := range run {
				for _, y := range n.are {
					both = append(both, x+y)
				}
			}
			run = both
			continue
		}
		best, all = better(best, need{are: run}.needles()), false
		if n.are != nil {
			run = n.are
		} else {
			best, run = better(best, n.needs), []string{""}
		}
	}
	if all {
		return need{are: run}
	}
	return need{needs: better(best, need{are: run}.needles())}
}

// needOfOne returns what alternatives are, if that are few texts, or else what they need, if each needs something.
func needOfOne(parts []*syntax.Regexp) need {
	var are, needs []string
	few, each := true, true
	for _, part := range parts {
		n := needOf(part)
		are, few = append(are, n.are...), few && n.are != nil && len(are)+len(n.are) <= maxAre
		of := n.needles()
		needs, each = append(needs, of...), each && of != nil
		if !few && !each {
			return need{}
		}
	}
	if few {
		return need{are: are}
	}
	return need{needs: needs}
}

// needles returns the texts of n that are worth looking for, nil if they are not.
func (n need) needles() []string {
	if n.are == nil {
		return n.needs
	}
	needles := make([]string, len(n.are))
	for i, s := range n.are {
		if len(s) < shortNeedle && strings.Contains(s, "\n") {
			s = "\n"
		}
		needles[i] = s
	}
	if worth(needles) == 0 {
		return nil
	}
	return needles
}

// better returns those of x and y that are better needles.
func better(x, y []string) []string {
	if a, b := worth(x), worth(y); a > b || a == b && len(x) <= len(y) {
		return x
	}
	return y
}
