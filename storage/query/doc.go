// Package query is Veritail's query language: its tree, the parser that makes a tree from text, and the matcher
// that evaluates a tree over the columns of a page.
//
// The same tree serves the search box, rule conditions, KPIs, roles and reports. Stores compile it to their own
// language. Matching is defined once, here, and every back end agrees with it:
//
// Logic is two-valued. A test of a field that the event does not have is false, whatever the test, so its not is
// true: not user.name:root finds events without a user name too. And{} always holds, Or{} never.
//
// What an event has: a column's value where it is valid (an empty string is a value); event.dataset,
// veritail.site, veritail.format and log.file.path where the page's string is not empty; log.offset and
// event.original always; veritail.unparsed is true or missing, never false (the parser turns
// veritail.unparsed:false into not veritail.unparsed:true).
//
//   - Keyword. Equal compares byte for byte. A wildcard is anchored: * is any run of characters, line ends
//     included, ? is exactly one character (code point). A regular expression is RE2's, unanchored, without
//     flags but those it sets itself: . does not match a line end, ^ and $ are the ends of the value.
//   - Text (message, event.original). A token is a run of letters (Unicode L), decimal digits (Nd) and
//     underscores, folded code point by code point to its simple lower case; every other character and every
//     byte that is not UTF-8 separates. Equal finds Tokens one after the other with nothing but separators
//     between them; with Prefix the last token may go on. A wildcard is matched against one whole folded token.
//     A regular expression is matched against the text as it stands. For all three the text of an event without
//     a message is its event.original; Exists asks for the message itself. TextPattern says the same as one
//     regular expression.
//   - Int, Time (µs), Duration (ns), Float. Equal and order by number. Columns hold no NaN.
//   - Bool. Equal only.
//   - Address. Equal is Lo = Hi; In is Lo ≤ address ≤ Hi as 128-bit numbers, IPv4 mapped into IPv6: 0.0.0.0/0 is
//     all of IPv4, ::/0 is everything.
//   - A field that the schema does not know (Known false, Kind Keyword) is looked up by its whole dotted name
//     among the keys of the event's JSON object, not inside nested objects; of a key that stands twice the first
//     counts, and a null is missing. Exists holds for every other value. Equal compares a string byte for byte, a
//     boolean with true or false, and a number by value as float64 where the operand is a number too (see Number:
//     5, 5.0 and 5e0 are equal; 05 is none). Order compares a number, or a string that is a number, with Float.
//     Wildcards and regular expressions look at strings only. Lists and objects only exist.
//
// Strings are expected to be UTF-8; a store that keeps only UTF-8 replaces what is not, and no test but Equal on
// such a value can tell.
package query
