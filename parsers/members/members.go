// Package members reads texts that hold named values: JSON objects, rows of separated values, and key=value pairs.
//
// It stands inside the parser: bytes in, views of them out. Nothing is copied but what has to be decoded (escapes, keys
// of nested objects), and a Scanner that is used again allocates nothing. What the values mean is the parser's business.
package members

// Max bounds the members of one text.
const Max = 512

// A Member is one named value. Its slices are views of the scanned text or of the scanner's memory.
type Member struct {
	Key  []byte // dotted where objects are nested; nil in a row, whose values are told by their place
	Text []byte // a string without its quotes and escapes; of an array of one value, that value; any other as it is written
	Off  int    // where Text stands in the scanned text; -1 where it had to be decoded
	JSON []byte // the value as JSON, where it was written so; nil: it is the string Text
	Bare bool   // it was written without quotes
}

// A Scanner reads texts. What it returns is valid until it is used again. It is used by one goroutine.
type Scanner struct {
	list    []Member
	decoded []byte // keys and texts that do not stand in the text as they are
}

// begin forgets the text before.
func (s *Scanner) begin() { s.list, s.decoded = s.list[:0], s.decoded[:0] }

// keep returns what was appended to decoded from n on. What was returned before stays valid when decoded grows.
func (s *Scanner) keep(n int) []byte { return s.decoded[n:len(s.decoded):len(s.decoded)] }
