package admission

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// load writes policies from several clients at once, one that is right and one that names no member in turn, and stores
// none. Whatever the API server says but that is kept.
type load struct {
	stop    context.CancelFunc
	clients sync.WaitGroup

	mu     sync.Mutex
	judged int
	// wrong are texts, with how often each was said.
	wrong map[string]int
}

// load runs until it is ended.
func (i *installation) load(t *testing.T) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop, wrong: map[string]int{}}
	for n := range 4 {
		l.clients.Go(func() {
			for turn := 0; ctx.Err() == nil; turn++ {
				policy, want := good(fmt.Sprint("load-", n)), ""
				if turn%2 == 1 {
					policy, want = bad(fmt.Sprint("load-", n)), "policy-names-members"
				}
				var said []string
				err := i.writer.Create(context.WithValue(ctx, own{}, &said), policy, client.DryRunAll)
				if ctx.Err() != nil {
					return
				}
				l.count(err, want, said)
			}
		})
	}
	t.Cleanup(func() { l.end() })
	l.await(t, 20)
	return l
}

// own is the key of the warnings that one request alone gets.
type own struct{}

// count counts one that was refused as it should be, and one that a newer revision, which is not
// judged by yet, might mend.
func (l *load) count(err error, want string, said []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case want == "" && err == nil, want != "" && refused(err, policies, want),
		want != "" && err == nil && isWaiting(said):
		l.judged++
	default:
		l.wrong[fmt.Sprint(err)]++
	}
}

// isWaiting tells that a finding warns since the source has a newer revision than the one that judges.
func isWaiting(said []string) bool {
	return len(said) > 1 && strings.HasPrefix(said[0], "judged by ") &&
		strings.HasSuffix(said[0], ", which may mend what is warned of")
}

// await waits until so many more have been judged as they should.
func (l *load) await(t *testing.T, more int) {
	t.Helper()
	l.mu.Lock()
	until := l.judged + more
	l.mu.Unlock()
	for late := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		l.mu.Lock()
		judged, wrong := l.judged, maps.Clone(l.wrong)
		l.mu.Unlock()
		if judged >= until {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%d were judged in two minutes; the API server said %v", judged, wrong)
		}
	}
}

// end gives how many were judged as they should, and what was said to the others.
func (l *load) end() (judged int, wrong []string) {
	l.stop()
	l.clients.Wait()
	for text, n := range l.wrong {
		wrong = append(wrong, fmt.Sprintf("%d times: %s", n, text))
	}
	slices.Sort(wrong)
	return l.judged, wrong
}

// The webhooks of deploy/.
const policies, ciphertext = "policies.rollcall.dev", "ciphertext.rollcall.dev"

// refused tells whether it was a webhook that refused, for a rule.
func refused(err error, webhook, rule string) bool {
	return err != nil && apierrors.ReasonForError(err) != "" &&
		strings.HasPrefix(err.Error(), fmt.Sprintf("admission webhook %q denied the request: ", webhook)) &&
		strings.Contains(err.Error(), rule)
}
