package kpi

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestEveryValueLiesInTheCellThatItsBucketNames(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := []int64{0, 1, 63, 64, 65, 127, 128, 129, 1<<32 - 1, 1 << 32, math.MaxInt64}
	for range 20_000 {
		values = append(values, rng.Int64()>>rng.IntN(63))
	}
	for _, v := range values {
		b := bucket(v)
		if b < 0 || b >= cells {
			t.Fatalf("bucket(%d) = %d, outside 0..%d", v, b, cells-1)
		}
		if diff := math.Abs(middle(b) - float64(v)); diff > QuantileError*float64(v) {
			t.Fatalf("%d is shown as %v, more than %v off", v, middle(b), QuantileError)
		}
		if v > 0 && bucket(v-1) > b {
			t.Fatalf("bucket(%d) = %d is above bucket(%d) = %d", v-1, bucket(v-1), v, b)
		}
	}
}

func TestQuantilesAreWithinTheStatedErrorOfExactOnes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	shapes := map[string]func() int64{
		"uniform":     func() int64 { return rng.Int64N(2_000_000_000) },
		"exponential": func() int64 { return int64(rng.ExpFloat64() * 40e6) },
		"log-normal":  func() int64 { return int64(math.Exp(16 + 2*rng.NormFloat64())) },
		"two humps": func() int64 {
			if rng.IntN(100) < 94 {
				return 1e6 + rng.Int64N(1e5)
			}
			return 30e9 + rng.Int64N(1e9)
		},
		"all equal":   func() int64 { return 123_456_789 },
		"few, coarse": func() int64 { return rng.Int64N(4) * 1e6 },
	}
	for name, draw := range shapes {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1, 2, 19, 20, 21, 1000, 20_000} {
				exact := make([]int64, n)
				left, right := histogram{}, histogram{}
				for i := range exact {
					exact[i] = draw()
					if i%3 == 0 {
						left[bucket(exact[i])]++
					} else {
						right[bucket(exact[i])]++
					}
				}
				for b, c := range right { // what two stages counted apart
					left[b] += c
				}
				slices.Sort(exact)
				for _, q := range []float64{0.5, 0.95, 0.99, 1} {
					want := float64(exact[int(math.Ceil(q*float64(n)))-1])
					got := left.quantile(q)
					if math.Abs(got-want) > QuantileError*want {
						t.Errorf("n=%d q=%v: got %v, exact %v", n, q, got, want)
					}
				}
			}
		})
	}
}

func TestQuantileOfNothingIsNotANumber(t *testing.T) {
	if v := (histogram{}).quantile(0.95); !math.IsNaN(v) {
		t.Errorf("got %v", v)
	}
}
