package report

import (
	"bytes"
	"io"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

const (
	// maxFrameFile bounds the files that frames are shown of, in bytes.
	maxFrameFile = 4 << 20
	// frameWidth is how much of a line is shown, in characters; a longer one is cut around what is marked.
	frameWidth = 100
	tab        = "    "
	ellipsis   = '…'
	hidden     = "••••••"
)

// frame is the line that a finding points at, with what is marked in it: length characters from start.
type frame struct {
	line          string
	start, length int
}

// frames makes the frames of findings. It reads each file once.
type frames struct {
	fsys  fs.FS
	pages map[string]*page
}

// page is a file's text.
type page struct {
	lines []string
	mask  *mask
	// number is the line that was asked for last, and shown how it is shown, for strict rules and others: many findings
	// may be on a line of megabytes.
	number int
	shown  map[bool]*shownLine
}

// shownLine is what of a line is shown: the first of its characters, and in place of the others,
// where masked, a row of dots.
type shownLine struct {
	runes   []rune
	length  int // of the line itself
	visible int
	masked  bool
}

func (p *page) line(number int, strict bool) *shownLine {
	if p.number != number {
		p.number, p.shown = number, map[bool]*shownLine{}
	}
	l := p.shown[strict]
	if l == nil {
		l = &shownLine{runes: []rune(strings.TrimRight(p.lines[number-1], " \t\r"))}
		l.length = len(l.runes)
		l.visible, l.masked = p.mask.visible(number, l.runes, strict)
		if l.visible = min(l.visible, l.length); l.masked { // a value may begin in the space at the line's end
			l.runes = append(l.runes[:l.visible:l.visible], []rune(hidden)...)
		}
		p.shown[strict] = l
	}
	return l
}

func newFrames(fsys fs.FS) *frames {
	return &frames{fsys, map[string]*page{}}
}

// of is the frame of a finding for a terminal of that width, 0 for any; false where there is no line to show.
func (fr *frames) of(f fleet.Finding, width int) (frame, bool) {
	p := f.Place
	if p.File == "" || p.Line < 1 || fr.fsys == nil {
		return frame{}, false
	}
	page := fr.page(p.File)
	if p.Line > len(page.lines) {
		return frame{}, false
	}
	line := page.line(p.Line, isStrict(f.Rule))
	start := min(max(p.Column-1, 0), line.length)
	end := line.length
	if p.EndLine == p.Line {
		end = min(max(p.EndColumn-1, start), line.length)
	}
	if line.masked {
		if end > line.visible {
			end = len(line.runes)
		}
		start = min(start, line.visible)
	}
	most := frameWidth
	if margin := len("  1234 | "); width > 0 {
		most = min(most, max(width-margin, frameWidth/4))
	}
	return clip(line.runes, start, end, most), true
}

func (fr *frames) page(name string) *page {
	if p := fr.pages[name]; p != nil {
		return p
	}
	p := &page{}
	fr.pages[name] = p
	file, err := fr.fsys.Open(name)
	if err != nil {
		return p
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFrameFile+1))
	if err != nil || len(data) > maxFrameFile || !utf8.Valid(data) || hasOtherBreaks(data) {
		return p
	}
	p.lines = strings.Split(string(data), "\n")
	p.mask = newMask(name, data, p.lines)
	return p
}

// hasOtherBreaks is true where YAML counts lines in another way than everybody else, so that no line of the mask could
// be relied on.
func hasOtherBreaks(data []byte) bool {
	return bytes.Count(data, []byte("\r")) != bytes.Count(data, []byte("\r\n")) ||
		bytes.ContainsAny(data, "\u0085\u2028\u2029")
}

// clip makes a line fit into a number of characters, keeping what is marked in sight, with tabs as spaces and without
// what would steer a terminal.
func clip(runes []rune, start, end, most int) frame {
	from, to := 0, len(runes)
	if to > most {
		from = max(0, min(start-most/4, to-most))
		to = min(to, from+most)
	}
	var b strings.Builder
	var width, markFrom, markTo int
	for i := from; i <= to; i++ {
		if i == start {
			markFrom = width
		}
		if i == min(end, to) {
			markTo = width
		}
		if i == to {
			break
		}
		text := printable(runes[i])
		if i == from && from > 0 || i == to-1 && to < len(runes) {
			text = string(ellipsis)
		}
		b.WriteString(text)
		width += utf8.RuneCountInString(text)
	}
	return frame{strings.ReplaceAll(b.String(), "##[", "##\ufffd"), markFrom, max(1, markTo-markFrom)}
}

func printable(r rune) string {
	switch {
	case r == '\t':
		return tab
	case !unicode.IsPrint(r):
		return string(unicode.ReplacementChar)
	}
	return string(r)
}
