package parsers

// ShapeOf returns the shape of a line.
func ShapeOf(line string) string { return string(appendShape(nil, []byte(line))) }
