// Package canary plants values in a tree of files and finds them again in what a program has written: for the tests
// that hold the programs to showing no secret.
package canary

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
)

// Styles are the kinds of values: words as a person chooses them, and base64.
var Styles = []string{"words", "base64"}

// part is how long a piece of a value must be to count as shown, in bytes.
const part = 8

// Set are the values that were planted.
type Set struct {
	style  string
	random *rand.Rand
	// parts are the pieces of the values in all their forms, with the place of each value.
	parts map[string]string
}

// New is an empty set. The same seed gives the same values.
func New(style string, seed uint64) *Set {
	return &Set{style, rand.New(rand.NewPCG(seed, 1)), map[string]string{}}
}

// Plant puts a new value in the place of each CANARY of a text, its base64 form in that of CANARY64 and its
// percent-encoded form in that of CANARY%25.
func (s *Set) Plant(place, text string) string {
	var b strings.Builder
	line := 1
	for {
		before, after, found := strings.Cut(text, "CANARY")
		line += strings.Count(before, "\n")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		value := s.Add(fmt.Sprintf("%s:%d", place, line))
		if rest, ok := strings.CutPrefix(after, "64"); ok {
			value, after = base64.StdEncoding.EncodeToString([]byte(value)), rest
		} else if rest, ok := strings.CutPrefix(after, "%25"); ok {
			value, after = percent(value), rest
		}
		b.WriteString(value)
		text = after
	}
}

// Add is a new value, which stands at the place.
func (s *Set) Add(place string) string {
	value := s.value()
	s.keep(place, value, part)
	s.keep(place, hex.EncodeToString([]byte(value)), 2*part)
	for skip := range 3 { // base64 of a text that has the value in it, wherever it begins
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", skip) + value))
		s.keep(place, encoded[min(len(encoded), skip*2):len(encoded)-2], part+4)
	}
	return value
}

func (s *Set) keep(place, text string, length int) {
	for i := 0; i+length <= len(text); i++ {
		s.parts[text[i:i+length]] = place
	}
}

func (s *Set) value() string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	var b strings.Builder
	switch s.style {
	case "words":
		for i := range 8 {
			if i == 4 {
				b.WriteByte('-')
			}
			b.WriteByte("bdfgklmnprstvz"[s.random.IntN(14)])
			b.WriteByte("aeiou"[s.random.IntN(5)])
		}
	default:
		for i := range 24 {
			if i == 11 || i == 17 {
				b.WriteByte("/+"[i%2])
			}
			b.WriteByte(letters[s.random.IntN(len(letters))])
		}
		b.WriteString("==")
	}
	return b.String()
}

func percent(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// Find gives the places of the values of which the text shows a part: plain, in base64, in
// hexadecimal or percent-encoded.
func (s *Set) Find(text string) []string {
	shown := map[string]string{}
	for _, form := range []string{text, unescaped(text)} {
		for _, length := range []int{part, part + 4, 2 * part} {
			for i := 0; i+length <= len(form); i++ {
				if place, ok := s.parts[form[i:i+length]]; ok {
					if shown[place] == "" {
						shown[place] = fmt.Sprintf("%s: %q", place, form[max(0, i-60):min(len(form), i+length+20)])
					}
					i += length
				}
			}
		}
	}
	return slices.Sorted(maps.Values(shown))
}

// unescaped is the text with its percent-encoding decoded, as far as it is one.
func unescaped(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if c, err := url.PathUnescape(text[i : i+3]); err == nil {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
