package live

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// The reasons of the Events, as kubectl get events shows them.
const (
	ReasonFinding   = "RollcallFinding"
	ReasonGone      = "RollcallFindingGone"
	ReasonNotLoaded = "RollcallNotLoaded"
)

// NotLoaded writes an Event about a source, with its UID, that its artifact is not judged by, and why.
func NotLoaded(recorder record.EventRecorder, s Source, uid types.UID, why string) {
	about := &corev1.ObjectReference{APIVersion: sourceVersion.String(), Kind: s.Kind, Namespace: s.Namespace,
		Name: s.Name, UID: uid}
	recorder.Event(about, corev1.EventTypeWarning, ReasonNotLoaded, clip(why))
}

// Events writes findings about members as Events about their Clusters, since no admission response can tell anybody. A
// finding is told once, again while it lasts before its Event expires, and once more when it is gone.
type Events struct {
	Recorder record.EventRecorder
	// Again is after how long a finding that lasts is told again; API servers keep an Event for an hour.
	Again time.Duration
	// Now is the clock.
	Now func() time.Time

	mu   sync.Mutex
	told map[complaint]time.Time
}

// complaint is what makes two findings the same one.
type complaint struct{ member, rule, message string }

// maxMessage is the most that an API server takes, in bytes.
//
// Source: kubernetes/kubernetes v1.35.4 pkg/apis/core/validation/events.go (NoteLengthLimit).
const maxMessage = 1024

// Report tells what of the findings is new, and what is gone since the last call. Findings about anything but a member
// or a Cluster of Karmada are left out.
func (e *Events) Report(findings []fleet.Finding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.Now()
	lasting := map[complaint]time.Time{}
	for _, f := range findings {
		if f.Object.Kind != "Member" && !(f.Object.Kind == "Cluster" && f.Object.Group == "cluster.karmada.io") {
			continue
		}
		c := complaint{f.Object.Name, f.Rule, f.Message}
		at, known := e.told[c]
		if _, twice := lasting[c]; twice {
			continue
		}
		if !known || now.Sub(at) >= e.Again {
			kind := corev1.EventTypeWarning
			if f.Severity == fleet.Info {
				kind = corev1.EventTypeNormal
			}
			e.Recorder.Event(clusterRef(c.member), kind, ReasonFinding, clip(fmt.Sprintf("%s [%s]", c.message, c.rule)))
			at = now
		}
		lasting[c] = at
	}
	gone := slices.DeleteFunc(slices.Collect(maps.Keys(e.told)), func(c complaint) bool {
		_, lasts := lasting[c]
		return lasts
	})
	slices.SortFunc(gone, func(a, b complaint) int { return slices.Compare(a.key(), b.key()) })
	for _, c := range gone {
		e.Recorder.Event(clusterRef(c.member), corev1.EventTypeNormal, ReasonGone,
			clip(fmt.Sprintf("no more: %s [%s]", c.message, c.rule)))
	}
	e.told = lasting
}

func (c complaint) key() []string { return []string{c.member, c.rule, c.message} }

// clusterRef is what an Event about a member is about. It need not exist: a member may never have registered.
func clusterRef(name string) *corev1.ObjectReference {
	return &corev1.ObjectReference{APIVersion: "cluster.karmada.io/v1alpha1", Kind: "Cluster", Name: name}
}

// clip shortens a text to what an Event takes, between two letters.
func clip(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	cut := maxMessage - len("…")
	for cut > 0 && text[cut]&0xc0 == 0x80 { // inside a letter of several bytes
		cut--
	}
	return text[:cut] + "…"
}
