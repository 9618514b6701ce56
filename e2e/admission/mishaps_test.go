package admission

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

// failClosed does what docs/webhook.md says for failurePolicy: Fail, so that a review without an answer shows.
func (i *installation) failClosed(t *testing.T) {
	t.Helper()
	err := i.Client.Patch(t.Context(), i.configuration(t), client.RawPatch(types.JSONPatchType,
		[]byte(`[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Fail"}]`)))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // until the API server has noticed; it asks all the same
}

// configuration is the webhook's.
func (i *installation) configuration(t *testing.T) *admissionregistrationv1.ValidatingWebhookConfiguration {
	t.Helper()
	c := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := i.Client.Get(t.Context(), client.ObjectKey{Name: "rollcall"}, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// allRight ends a load of which nothing may have failed.
func (l *load) allRight(t *testing.T) {
	t.Helper()
	judged, wrong := l.end()
	if len(wrong) > 0 {
		t.Errorf("%d were judged, and these were not: %q", judged, wrong)
	}
	t.Logf("%d were judged meanwhile", judged)
}

// fleetChanges swaps the fleet under load: the next revision has another order of failover.
func (i *installation) fleetChanges(t *testing.T) {
	policy := controlplane.Objects(t, read(t,
		"fleet/clusters/talos-ottawa/apps/karmada-system/test-failover/propagationpolicy.yaml"))[0]
	policy.SetNamespace("test-failover")
	l := i.load(t)
	if err := i.writer.Create(t.Context(), policy.DeepCopy(), client.DryRunAll); err != nil {
		t.Errorf("before: %v", err)
	}
	next := revision(t, "fleet", ".rollcall.yaml", strings.Replace(read(t, "fleet/.rollcall.yaml"),
		"order: [ottawa, robbinsdale, stpetersburg]", "order: [stpetersburg, robbinsdale, ottawa]", 1))
	i.source.push(t, next)
	i.await(t, "the next revision to be judged by", i.serves(next.revision))
	l.await(t, 100)
	if err := i.writer.Create(t.Context(), policy.DeepCopy(), client.DryRunAll); !refused(
		err, policies, "weights-encode-order") {
		t.Errorf("after: %v", err)
	}
	l.allRight(t)
}

// brokenRevisions leave the last one serving that could be loaded, and are told of.
func (i *installation) brokenRevisions(t *testing.T) {
	last := revision(t, "fleet")
	i.source.push(t, last)
	i.await(t, "the last revision to be judged by", i.serves(last.revision))
	l := i.load(t)
	forged := revision(t, "seed")
	forged.packed = last.packed
	torn := revision(t, "seed")
	torn.packed = torn.packed[:len(torn.packed)/2]
	torn.digest = digest(torn.packed)
	for _, test := range []struct {
		name   string
		broken artifact
		says   string
	}{
		{"forged", forged, "verify the artifact: the digest of what was downloaded is " + last.digest + ", not " +
			forged.digest},
		{"torn", torn, "unpack the artifact: "},
		{"misconfigured", revision(t, "fleet", ".rollcall.yaml", "member: [ottawa]\n"), `.rollcall.yaml:1:1`},
		{"empty", pack(t, t.TempDir()), "there is no fleet"},
		{"cut off", revision(t, "fleet", "clusters/talos-ottawa/kustomization.yaml", "resources: [\n"),
			"which has asked within the last hour"},
	} {
		i.source.push(t, test.broken)
		i.await(t, "an Event about a revision that is "+test.name, func(ctx context.Context) error {
			var events corev1.EventList
			if err := i.Client.List(ctx, &events, client.InNamespace("flux-system")); err != nil {
				return err
			}
			var said []string
			for _, e := range events.Items {
				if e.InvolvedObject.Kind == "GitRepository" && e.InvolvedObject.Name == "flux-system" &&
					e.InvolvedObject.UID != "" &&
					e.Type == corev1.EventTypeWarning && e.Reason == "RollcallNotLoaded" &&
					strings.Contains(e.Message, test.broken.revision) &&
					strings.Contains(e.Message, test.says) {
					return nil
				}
				said = append(said, e.Message)
			}
			return fmt.Errorf("there are %q", said)
		})
		for _, r := range i.replicas {
			if failures, _ := strconv.Atoi(r.metric(t, `rollcall_fleet_loads_total{result="failure"}`)); failures == 0 {
				t.Errorf("%s: no failure is counted", test.name)
			}
		}
		if err := i.serves(last.revision)(t.Context()); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	l.await(t, 20)
	next := revision(t, "fleet", "note.md", "All is well again.\n")
	i.source.push(t, next)
	i.await(t, "the mended revision to be judged by", i.serves(next.revision))
	l.allRight(t)
}

// certificateRotated puts a certificate in the Secret that is about to expire: the replicas make another one.
func (i *installation) certificateRotated(t *testing.T) {
	secret := &corev1.Secret{}
	if err := i.Client.Get(t.Context(), client.ObjectKey{Namespace: "rollcall-system", Name: "rollcall-webhook-tls"},
		secret); err != nil {
		t.Fatal(err)
	}
	expiring := controlplane.SignServer(t, secret.Data["ca.crt"], secret.Data["ca.key"], time.Hour, "localhost")
	before := i.served(t)
	l := i.load(t)
	secret.Data["tls.crt"], secret.Data["tls.key"] = expiring.Cert, expiring.Key
	if err := i.Client.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	i.await(t, "a new certificate", func(context.Context) error {
		for at, now := range i.served(t) {
			if now.Equal(before[at]) || time.Until(now.NotAfter) < 30*24*time.Hour {
				return fmt.Errorf("replica %d serves one that expires at %s", at, now.NotAfter)
			}
		}
		return nil
	})
	for at, r := range i.replicas {
		want := float64(i.served(t)[at].NotAfter.Unix())
		if got, _ := strconv.ParseFloat(r.metric(t, "rollcall_certificate_expiry_timestamp_seconds"), 64); got != want {
			t.Errorf("the metric says that it expires at %f instead of %f", got, want)
		}
	}
	l.await(t, 100)
	l.allRight(t)
}

// served are the certificates that the replicas serve, verified by the authority of the webhook's configuration.
func (i *installation) served(t *testing.T) (all []*x509.Certificate) {
	t.Helper()
	authorities := x509.NewCertPool()
	for _, w := range i.configuration(t).Webhooks {
		if !authorities.AppendCertsFromPEM(w.ClientConfig.CABundle) {
			t.Fatalf("%s has no caBundle: %s", w.Name, base64.StdEncoding.EncodeToString(w.ClientConfig.CABundle))
		}
	}
	for _, r := range i.replicas {
		c, err := tls.Dial("tcp", r.reviews, &tls.Config{RootCAs: authorities, ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c.ConnectionState().PeerCertificates[0])
		c.Close()
	}
	return all
}

// replicaStopped ends a replica as an update of the Deployment does: nobody notices.
func (i *installation) replicaStopped(t *testing.T) {
	l := i.load(t)
	r := i.takeReplica()
	r.Stop()
	l.await(t, 20)
	i.startReplica(t)
	l.await(t, 100)
	l.allRight(t)
}

// replicaKilled ends a replica as a loss of power does: what it had not answered fails, and nothing after that.
func (i *installation) replicaKilled(t *testing.T) {
	l := i.load(t)
	r := i.takeReplica()
	r.Kill()
	l.await(t, 100)
	judged, wrong := l.end()
	for _, text := range wrong {
		if !strings.Contains(text, `failed calling webhook "policies.rollcall.dev"`) {
			t.Errorf("the API server says: %s", text)
		}
	}
	t.Logf("%d were judged, and these were not: %q", judged, wrong)
	after := i.load(t)
	i.startReplica(t)
	after.await(t, 100)
	after.allRight(t)
}

// apiServerRestarted kills the API server: what it asks and what it tells goes on as before.
func (i *installation) apiServerRestarted(t *testing.T) {
	i.APIServer.Kill()
	time.Sleep(2 * time.Second)
	i.APIServer.Start(t)
	i.APIServer.AwaitReady(t)
	i.await(t, "the webhook to be asked", i.asked)
	l := i.load(t)
	next := revision(t, "fleet", "note.md", "The API server was restarted.\n")
	i.source.push(t, next)
	i.await(t, "the next revision to be judged by", i.serves(next.revision))
	l.allRight(t)
	i.clusters(t)
}

// certificateLost deletes the Secret: the replicas make an authority and a certificate, and have them trusted.
func (i *installation) certificateLost(t *testing.T) {
	before := i.served(t)
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = "rollcall-system", "rollcall-webhook-tls"
	if err := i.Client.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	i.await(t, "another authority", func(ctx context.Context) error {
		for _, w := range i.configuration(t).Webhooks {
			block, _ := pem.Decode(w.ClientConfig.CABundle)
			if block == nil {
				return fmt.Errorf("%s has no caBundle", w.Name)
			}
			authority, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return err
			}
			for _, c := range before {
				if c.CheckSignatureFrom(authority) == nil {
					return fmt.Errorf("%s trusts the old authority", w.Name)
				}
			}
		}
		return i.asked(ctx)
	})
	for at, now := range i.served(t) {
		if bytes.Equal(now.Raw, before[at].Raw) {
			t.Errorf("replica %d serves the old certificate", at)
		}
	}
	t.Logf("reviews are answered again after %s", time.Since(start))
	l := i.load(t)
	l.await(t, 100)
	l.allRight(t)
}
