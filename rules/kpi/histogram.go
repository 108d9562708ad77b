package kpi

import (
	"math"
	"math/bits"
)

// QuantileError is the largest relative error of a percentile: a figure of 500 ms stands for an exact one between
// 495 and 505 ms. Values below 64 units (nanoseconds, for durations) are exact.
const QuantileError = 0.01

// The histogram has 64 cells an octave, so a cell is at most 1/64 of its lower bound wide, and its middle is at
// most 1/128 (0.79 %) away from any value in it. Cells are the same for every histogram, so that adding two of
// them cell by cell gives the histogram of both.
const (
	cellBits = 6
	cells    = (64 - cellBits) << cellBits // for int64 values
)

// bucket returns the cell of v, which must not be negative: v itself below 64, else the position of the highest
// bit and the six bits after it.
func bucket(v int64) int32 {
	if v < 1<<cellBits {
		return int32(v)
	}
	e := bits.Len64(uint64(v)) - 1 - cellBits
	return int32(e<<cellBits) + int32(v>>e)
}

// middle returns the value that stands for cell b.
func middle(b int32) float64 {
	if b < 1<<cellBits {
		return float64(b)
	}
	e := b>>cellBits - 1
	low := int64(b&(1<<cellBits-1)|1<<cellBits) << e
	return float64(low) + float64(int64(1)<<e-1)/2
}

// A histogram counts values by cell.
type histogram map[int32]int64

// quantile returns the value at rank ⌈q·n⌉ (nearest rank), NaN where nothing was counted.
func (h histogram) quantile(q float64) float64 {
	var n int64
	for _, c := range h {
		n += c
	}
	if n == 0 {
		return math.NaN()
	}
	rank := max(int64(math.Ceil(q*float64(n))), 1)
	for _, b := range sortedKeys(h) {
		if rank -= h[b]; rank <= 0 {
			return middle(b)
		}
	}
	return math.NaN()
}
