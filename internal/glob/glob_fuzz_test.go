package glob

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever the globs, a path and what is below it are excluded alike, and globs that match nothing but themselves do.
func FuzzGlobs(f *testing.F) {
	f.Add("a/**/b*", "a/x/bc/d")
	f.Add("./*?/", "ab/ü")
	f.Add("\xff**", "\xffa")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		excluded, err := Compile([]string{pattern})
		if err != nil {
			if utf8.ValidString(pattern) {
				t.Fatal(err)
			}
			return
		}
		if excluded(name) && !strings.Contains(name, "\n") && !excluded(name+"/below") {
			t.Errorf("%q excludes %q and not what is below", pattern, name)
		}
		if plain := strings.TrimSuffix(strings.TrimPrefix(pattern, "./"), "/"); !strings.ContainsAny(plain, "*?") &&
			utf8.ValidString(plain) && !excluded(plain) {
			t.Errorf("%q does not exclude itself", pattern)
		}
	})
}
