package failover

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// Objective is what must hold when any of some members is lost alone.
type Objective struct {
	// Losing are the members; any where it is empty.
	Losing []string `yaml:"losing"`
	// Pending, Stays and Unknown are how many workloads may have that outcome; any number where it is left out.
	Pending *int `yaml:"pending"`
	Stays   *int `yaml:"stays"`
	Unknown *int `yaml:"unknown"`
}

// ReadObjectives reads a file of objectives, strictly. An error says what is wrong with it.
func ReadObjectives(data []byte) (all []Objective, err error) {
	defer func() {
		if recover() != nil { // the YAML library's parser panics on some malformed input
			all, err = nil, errors.New("it is not YAML")
		}
	}()
	var file struct {
		Objectives []Objective `yaml:"objectives"`
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New(
			"it must be a mapping with objectives, a list of mappings with losing, pending, stays and unknown alone")
	}
	if len(file.Objectives) == 0 {
		return nil, errors.New("it has no objectives")
	}
	for _, o := range file.Objectives {
		if o.Pending == nil && o.Stays == nil && o.Unknown == nil {
			return nil, errors.New("an objective needs one of pending, stays and unknown")
		}
	}
	return file.Objectives, nil
}

// Unmet says in words which objectives are not met. What is refused, or pending while all members are
// ready, is so after any loss.
func Unmet(d Document, objectives []Objective) (all []string) {
	if n := d.Aside[Refused]; n > 0 && len(objectives) > 0 {
		all = append(all, fmt.Sprintf("Karmada refuses the policies of %d workloads, which no objective allows", n))
	}
	for _, o := range objectives {
		for _, c := range []struct {
			outcome Outcome
			most    *int
		}{{Pending, o.Pending}, {Unknown, o.Unknown}} {
			if n := d.Aside[c.outcome]; c.most != nil && n > *c.most {
				all = append(all, fmt.Sprintf("no loss at all: %s %d, and the objective allows %d", c.outcome, n,
					*c.most))
			}
		}
		seen := map[string]bool{}
		for _, l := range d.Matrix {
			for _, name := range l.Members {
				seen[name] = true
				if len(o.Losing) > 0 && !slices.Contains(o.Losing, name) {
					continue
				}
				for _, c := range []struct {
					outcome Outcome
					n       int
					most    *int
				}{{Pending, l.Pending, o.Pending}, {Stays, l.Stays, o.Stays}, {Unknown, l.Unknown, o.Unknown}} {
					if n := c.n + d.Aside[c.outcome]; c.most != nil && c.n > 0 && n > *c.most {
						all = append(all, fmt.Sprintf("the loss of %q: %s %d, and the objective allows %d", name,
							c.outcome, n, *c.most))
					}
				}
			}
		}
		for _, name := range o.Losing {
			if !seen[name] {
				all = append(all, fmt.Sprintf("no workload runs on %q, which the objective names", name))
			}
		}
	}
	return all
}
