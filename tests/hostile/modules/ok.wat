(module
  (import "platform_sandbox" "log_message" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "hello")
  (data (i32.const 64) "\34\21\00\00\00\00\00\00\01\02\00\00\00\00\00\00\00ok\00\00")
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "evaluate") (param i32 i32) (result i64)
    (call $log (i32.const 0) (i32.const 16) (i32.const 5))
    (i64.or (i64.const 64) (i64.shl (i64.const 21) (i64.const 32)))))
