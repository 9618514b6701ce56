package failover

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Karmada gives replicas one by one, which takes for ever where there are many.
func TestWebster(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		v := votes{}
		for range 1 + r.IntN(6) {
			v[string(rune('a'+r.IntN(8)))] = []int64{0, 1, 2, 3, 7, 100, 101, 1 << 40, math.MaxInt64}[r.IntN(9)] +
				r.Int64N(3)*r.Int64N(2)*int64(r.IntN(2))
		}
		for name := range v {
			v[name] = max(v[name], 0)
		}
		n := r.IntN(3000)
		want := seats{}
		names := slices.Sorted(maps.Keys(v))
		for range n {
			want[slices.MinFunc(names, func(a, b string) int {
				return cmp.Or(cmp.Compare(priority(v[b], want[b]), priority(v[a], want[a])),
					cmp.Compare(want[a], want[b]), strings.Compare(a, b))
			})]++
		}
		if got := webster(n, v, strings.Compare); !maps.Equal(got, want) {
			t.Fatalf("%d of %v: %v, one by one %v", n, v, got, want)
		}
	}
	if got := webster(math.MaxInt32, votes{"a": 3, "b": 2}, strings.Compare); got["a"] != 1288490188 ||
		got.sum() != math.MaxInt32 {
		t.Errorf("of %d replicas %v", math.MaxInt32, got)
	}
	if got := remainder(10, votes{"a": math.MaxInt64, "b": math.MaxInt64}, nil, strings.Compare); got["a"] != 5 ||
		got["b"] != 5 {
		t.Errorf("of ten replicas %v", got)
	}
}

func BenchmarkWebster(b *testing.B) {
	for b.Loop() {
		webster(math.MaxInt32, votes{"a": 3, "b": 2, "c": 1}, strings.Compare)
	}
}
