;; Does what its input says: byte 0 is for evaluate, byte 1 for validate.
(module
  (import "platform_sandbox" "log_message" (func $log (param i32 i32 i32)))
  (import "platform_time" "get_timestamp" (func $time (result i64)))
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func $spin (local i32)
    (loop $l
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get 0) (i32.const 10000)))))
  (func $chat (local i32)
    (loop $l
      (call $log (i32.const 0) (i32.const 4096) (i32.const 1))
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get 0) (i32.const 60)))))
  ;; score, message and its length: an EvaluationOutput at 32768
  (func $out (param i64 i32 i32) (result i64)
    (i64.store (i32.const 32768) (local.get 0))
    (i32.store8 (i32.const 32776) (i32.const 1))
    (i64.store (i32.const 32777) (i64.extend_i32_u (local.get 2)))
    (memory.copy (i32.const 32785) (local.get 1) (local.get 2))
    (i64.or (i64.const 32768)
      (i64.shl (i64.extend_i32_u (i32.add (local.get 2) (i32.const 19))) (i64.const 32))))
  (func $is (param i32 i32 i32) (result i32)
    (i32.eq (i32.load8_u (i32.add (local.get 0) (local.get 1))) (local.get 2)))
  (func (export "validate") (param i32 i32) (result i32)
    (if (call $is (local.get 0) (i32.const 9) (i32.const 103)) (then (call $spin))) ;; g
    (if (call $is (local.get 0) (i32.const 9) (i32.const 108)) (then (call $chat))) ;; l
    (if (call $is (local.get 0) (i32.const 9) (i32.const 109)) (then (drop (memory.grow (i32.const 3))))) ;; m
    (i32.eqz (call $is (local.get 0) (i32.const 9) (i32.const 110)))) ;; n
  (func (export "evaluate") (param i32 i32) (result i64)
    (if (call $is (local.get 0) (i32.const 8) (i32.const 103)) (then (call $spin)))
    (if (call $is (local.get 0) (i32.const 8) (i32.const 108)) (then (call $chat)))
    (if (call $is (local.get 0) (i32.const 8) (i32.const 101)) ;; e
      (then (return (call $out (i64.const 1) (local.get 0) (local.get 1)))))
    (if (call $is (local.get 0) (i32.const 8) (i32.const 116)) ;; t
      (then (return (call $out (i64.shr_u (call $time) (i64.const 32)) (i32.const 0) (i32.const 0)))))
    (if (call $is (local.get 0) (i32.const 8) (i32.const 98)) ;; b
      (then (memory.fill (i32.const 40000) (i32.const 97) (i32.const 5000))
        (return (call $out (i64.const 2) (i32.const 40000) (i32.const 5000)))))
    (call $out (i64.const 7) (i32.const 0) (i32.const 0))))
