//go:build karmada1.16

package failovertest

import (
	"context"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	clusterlister "github.com/karmada-io/karmada/pkg/generated/listers/cluster/v1alpha1"
	schedulercache "github.com/karmada-io/karmada/pkg/scheduler/cache"
)

// Karmada 1.16: go test -modfile=v1.16.mod -tags karmada1.16

const minor = 16

func newCache(clusters clusterlister.ClusterLister) schedulercache.Cache {
	return schedulercache.NewCache(clusters)
}

func (r room) MaxAvailableReplicas(_ context.Context, clusters []*clusterv1alpha1.Cluster,
	_ *workv1alpha2.ReplicaRequirements) ([]workv1alpha2.TargetCluster, error) {
	return r.available(clusters), nil
}
