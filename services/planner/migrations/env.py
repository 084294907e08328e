from common.migrations.environment import run

run()
