package fleet

import (
	"math"
	"testing"
)

func TestFieldInBinary(t *testing.T) {
	for _, field := range []Field{nil, {}, {"a", 0, "", "b/i\x00\xff", -1, math.MaxInt, math.MinInt}} {
		data, err := field.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		got := Field{"something else"}
		if err := got.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		equal(t, "field", got, field)
		for n := range len(data) { // what was cut off is an error or a shorter field, and no panic
			if got.UnmarshalBinary(data[:n]) == nil && len(got) >= len(field) && len(field) > 0 {
				t.Errorf("%d bytes of %d are the whole field", n, len(data))
			}
		}
	}
	if _, err := (Field{int64(1)}).MarshalBinary(); err == nil {
		t.Error("a step may be an int64")
	}
	var hostile Field
	if hostile.UnmarshalBinary([]byte("/s\xff\xff\xff\xff\xff\xff\xff\xff\x7fx")) == nil {
		t.Error("a text is longer than what there is")
	}
}
