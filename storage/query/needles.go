package query

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// maxNeedles bounds the needles of a pattern.
const maxNeedles = 64

// needles returns texts of which at least one stands in every text that re matches, compared in ASCII lower case; nil
// if there is no such list.
func needles(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return literalNeedle(re)
	case syntax.OpCharClass:
		return classNeedles(re)
	case syntax.OpCapture, syntax.OpPlus:
		return needles(re.Sub[0])
	case syntax.OpConcat:
		return concatNeedles(re.Sub)
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			list := needles(sub)
			if list == nil || len(all)+len(list) > maxNeedles {
				return nil
			}
			all = append(all, list...)
		}
		return all
	}
	return nil
}

// concatNeedles returns the best needles of a sequence: of one of its parts, or of a run of parts that match few texts.
func concatNeedles(parts []*syntax.Regexp) (best []string) {
	run := []string{""}
	take := func(list []string) {
		if better(list, best) {
			best = list
		}
	}
	for _, sub := range parts {
		texts := exact(sub)
		if texts != nil && len(texts)*len(run) <= maxNeedles {
			run = cross(run, texts)
			take(whole(run))
			continue
		}
		run = []string{""}
		if texts != nil {
			run = texts
			take(whole(run))
		}
		take(needles(sub))
	}
	return best
}

// whole returns a list of texts as needles, nil where one of them is empty and so stands everywhere.
func whole(texts []string) []string {
	if slices.Contains(texts, "") {
		return nil
	}
	return texts
}

func cross(heads, tails []string) []string {
	out := make([]string, 0, len(heads)*len(tails))
	for _, h := range heads {
		for _, t := range tails {
			out = append(out, h+t)
		}
	}
	return out
}

// exact returns all texts that re matches, in ASCII lower case; nil if they are many, or not all can be told.
func exact(re *syntax.Regexp) []string {
	var out []string
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []string{""}
	case syntax.OpLiteral:
		if n := literalNeedle(re); n != nil && utf8.RuneCountInString(n[0]) == len(re.Rune) {
			return n
		}
	case syntax.OpCharClass:
		return classNeedles(re)
	case syntax.OpCapture:
		return exact(re.Sub[0])
	case syntax.OpQuest:
		if out = exact(re.Sub[0]); out != nil {
			out = append(slices.Clone(out), "")
		}
	case syntax.OpConcat:
		out = []string{""}
		for _, sub := range re.Sub {
			texts := exact(sub)
			if texts == nil || len(texts)*len(out) > maxNeedles {
				return nil
			}
			out = cross(out, texts)
		}
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			texts := exact(sub)
			if texts == nil || len(texts)+len(out) > maxNeedles {
				return nil
			}
			out = append(out, texts...)
		}
	}
	return out
}

// better reports whether looking for a tells more than looking for b: the commonest text of it is rarer, or it is
// shorter.
func better(a, b []string) bool {
	switch {
	case a == nil || b == nil:
		return a != nil
	case commonest(a) != commonest(b):
		return commonest(a) > commonest(b)
	}
	return len(a) < len(b)
}

// commonest returns how rare the commonest text of a list is.
func commonest(list []string) int {
	_, least := rarestPair(list[0])
	for _, s := range list[1:] {
		_, r := rarestPair(s)
		least = min(least, r)
	}
	return least
}

// maxForms bounds the forms in which a literal is looked for.
const maxForms = 8

// literalNeedle returns texts of which one stands wherever the literal does, compared in ASCII lower case: mostly the literal
// itself. Where the expression folds case, k and s also stand for letters outside of ASCII (the Kelvin sign, the long s), so
// there are several; of a literal with many such letters, or others beyond ASCII, it is a part.
func literalNeedle(re *syntax.Regexp) []string {
	fold := re.Flags&syntax.FoldCase != 0
	best, part := []string(nil), []string{""}
	take := func() {
		if part[0] != "" && (best == nil || better(part, best)) {
			best = part
		}
	}
	for _, r := range re.Rune {
		forms := []string{string(asciiLower(r))}
		if fold {
			switch forms[0] {
			case "k":
				forms = append(forms, "\u212a")
			case "s":
				forms = append(forms, "\u017f")
			}
		}
		if fold && r >= utf8.RuneSelf || len(part)*len(forms) > maxForms {
			take()
			part = []string{""}
		}
		if !fold || r < utf8.RuneSelf {
			part = cross(part, forms)
		}
	}
	take()
	return best
}

// classNeedles returns the characters of a small class.
func classNeedles(re *syntax.Regexp) []string {
	var list []string
	for i := 0; i < len(re.Rune); i += 2 {
		for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
			if r >= utf8.RuneSelf || len(list) == maxNeedles {
				return nil
			}
			if s := string(asciiLower(r)); !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list
}

func asciiLower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}
