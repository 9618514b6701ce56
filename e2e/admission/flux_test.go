package admission

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

// dryRun asks for an object, and gives the warnings.
func (i *installation) dryRun(ctx context.Context, o *unstructured.Unstructured) (said []string, err error) {
	return said, i.writer.Create(context.WithValue(ctx, own{}, &said), o, client.DryRunAll)
}

// policyAndMember brings a member and a policy that names it in one commit: the policy comes while the source names the
// revision already and the webhook does not have it yet, as in every rollout.
func (i *installation) policyAndMember(t *testing.T) {
	ctx := t.Context()
	if _, err := i.dryRun(ctx, bad("early")); !refused(err, policies, "policy-names-members") {
		t.Errorf("before: %v", err)
	}
	next := revision(t, "fleet", ".rollcall.yaml", strings.Replace(
		read(t, "fleet/.rollcall.yaml"), "members: [ottawa", "members: [paris, ottawa", 1))
	i.source.gate.Lock()
	i.source.push(t, next)
	i.await(t, "the policy to be admitted with a warning", func(ctx context.Context) error {
		said, err := i.dryRun(ctx, bad("early"))
		if err != nil || !isWaiting(said) || !strings.Contains(said[0], next.revision) {
			return fmt.Errorf("%v, %q", err, said)
		}
		return nil
	})
	i.source.gate.Unlock()
	i.await(t, "the member to be known", i.serves(next.revision))
	if said, err := i.dryRun(ctx, bad("early")); err != nil ||
		strings.Contains(strings.Join(said, " "), "policy-names-members") {
		t.Errorf("after: %v, %q", err, said)
	}
	last := revision(t, "fleet")
	i.source.push(t, last)
	i.await(t, "the member to be gone", i.serves(last.revision))
}

const fluxKinds = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: kustomizations.kustomize.toolkit.fluxcd.io}
spec:
  group: kustomize.toolkit.fluxcd.io
  scope: Namespaced
  names: {kind: Kustomization, listKind: KustomizationList, plural: kustomizations, singular: kustomization}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: helmreleases.helm.toolkit.fluxcd.io}
spec:
  group: helm.toolkit.fluxcd.io
  scope: Namespaced
  names: {kind: HelmRelease, listKind: HelmReleaseList, plural: helmreleases, singular: helmrelease}
  versions:
    - name: v2
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// TestFluxWebhook installs deploy/flux/self-made, with the rights and the flags of its manifests, on an API server that
// has nothing of Karmada's: it becomes ready, makes its certificate, and judges what Flux is about to apply.
func TestFluxWebhook(t *testing.T) {
	i := prepare(t, controlplane.Options{Plain: true}, "rollcall-system", "talos-robbinsdale")
	i.Apply(t, fluxKinds)
	i.apply(t, "flux/self-made")
	for range 2 {
		i.startReplica(t)
	}
	apps := func(path string) *unstructured.Unstructured {
		return controlplane.Objects(t, `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: karmada-agent, namespace: flux-system}
spec:
  interval: 30m
  prune: true
  path: `+path+`
  sourceRef: {kind: GitRepository, name: flux-system}
  dependsOn: [{name: tailscale-egress}]
  decryption: {provider: sops, secretRef: {name: sops-age}}
  postBuild: {substituteFrom: [{kind: ConfigMap, name: cluster-settings}]}
`)[0]
	}
	const agent, fresh = "./clusters/talos-robbinsdale/apps/karmada-agent/app", "./clusters/talos-robbinsdale/apps/new"
	const flux = "flux.rollcall.dev"
	i.await(t, "the webhook to be asked", func(ctx context.Context) error {
		if _, err := i.dryRun(ctx, apps(fresh)); !refused(err, flux, "kustomization-path-exists") {
			return fmt.Errorf("the API server says %v", err)
		}
		return nil
	})
	if said, err := i.dryRun(t.Context(), apps(agent)); err != nil || len(said) > 0 {
		t.Errorf("%v, %q", err, said)
	}
	release := controlplane.Objects(t, `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: r, namespace: flux-system}
spec: {interval: 1h, chartRef: {kind: OCIRepository, name: r}, dependsOn: [{name: none}]}
`)[0]
	if said, err := i.dryRun(t.Context(), release); err != nil ||
		!strings.Contains(strings.Join(said, " "), "[depends-on-exists] spec.dependsOn[0].name") {
		t.Errorf("%v, %q", err, said)
	}

	// A Kustomization and its folder come with one commit.
	next := revision(t, "fleet", "clusters/talos-robbinsdale/apps/new/app.yaml",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n")
	i.source.gate.Lock()
	i.source.push(t, next)
	i.await(t, "the path to be waited for", func(ctx context.Context) error {
		if said, err := i.dryRun(ctx, apps(fresh)); err != nil || !isWaiting(said) ||
			!strings.Contains(said[0], next.revision) {
			return fmt.Errorf("%v, %q", err, said)
		}
		return nil
	})
	i.source.gate.Unlock()
	i.await(t, "the next revision to be judged by", i.serves(next.revision))
	if said, err := i.dryRun(t.Context(), apps(fresh)); err != nil || len(said) > 0 {
		t.Errorf("%v, %q", err, said)
	}
	if _, err := i.dryRun(t.Context(), apps(fresh+"er")); !refused(err, flux, "kustomization-path-exists") ||
		!strings.Contains(err.Error(), "judged by "+next.revision) {
		t.Errorf("%v", err)
	}
	for _, r := range i.replicas {
		if text, err := r.get(t.Context(), "/readyz?verbose"); err != nil || !strings.Contains(text, "[+]live ok") {
			t.Errorf("%v %s", err, text)
		}
	}
}
