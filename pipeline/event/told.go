package event

// A Told is what a decoder can tell of the format of its generation and of the lines that it does not understand.
type Told struct {
	Format  string  // in use; "" while undecided
	Prefix  string  // the setting by which its lines begin, where that was guessed from them
	Sample  Sample  // how the format was found; its Lines are 0 where it was named
	Shapes  []Shape // of the lines that no format takes, most frequent first; nobody changes them
	Dropped int64   // unparsed lines whose shapes were dropped for others
}

// A Sample is how sure it is that a file's format was found: of so many lines that were looked at, the format takes some,
// and the runner-up others.
type Sample struct {
	Lines       int    `json:"lines"`
	Taken       int    `json:"taken"`
	Second      string `json:"second,omitempty"`
	SecondTaken int    `json:"second_taken,omitempty"`
}

// A Shape stands for lines that are alike but for their words, numbers, addresses and quoted texts.
type Shape struct {
	Text    string // the line with these generalised
	Count   int64
	Offset  int64  // of the example
	Example string // the first such line, cut where it is long
}
