package worker

import ("testing";"time";"sort";"fmt";"context")

func TestForkTime(t *testing.T) {
	fork, _, _ := spawnTemplate(t)
	fork()
	var d []time.Duration
	for range 60 {
		s := time.Now()
		w := fork()
		d = append(d, time.Since(s))
		w.Kill("x"); w.Shutdown(context.Background())
	}
	sort.Slice(d, func(i,j int) bool { return d[i]<d[j] })
	fmt.Println(d[0], d[30], d[55], d[59])
}
