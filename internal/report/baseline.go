package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Baseline writes the findings as a baseline, one on each line: schema is the name of its form.
func (r *Report) Baseline(w io.Writer, schema string) error {
	type entry struct {
		Rule     string `json:"rule"`
		File     string `json:"file"`
		Message  string `json:"message"`
		Identity string `json:"identity"`
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n\"schema\": %q,\n\"findings\": [", schema)
	for i, f := range r.Findings {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		line, err := json.Marshal(entry{f.Rule, clean(f.Place.File), clean(f.Message), f.Identity})
		if err != nil {
			return fmt.Errorf("write the baseline: %w", err)
		}
		b.Write(line)
	}
	b.WriteString("\n]\n}\n")
	_, err := w.Write(b.Bytes())
	return err
}
