from django.db import migrations, models

KINDS = [
    ('handler', 'messages'), ('events', 'events'), ('report', 'reports on one message'),
    ('account', 'reports on an account'),
]


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0027_statuses_in_doubt'),
    ]

    operations = [
        migrations.AddField(
            model_name='maintenancejob',
            name='address_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=16),
        ),
        migrations.AddField(
            model_name='connection',
            name='report_address',
            field=models.CharField(blank=True, db_default='', default='', max_length=16),
        ),
        migrations.CreateModel(
            name='AddressKeyUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address_id', models.CharField(max_length=16)),
                ('kind', models.CharField(choices=KINDS, max_length=10)),
                ('calls', models.BigIntegerField(default=0)),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(fields=('address_id', 'kind'), name='one_use_of_a_key'),
                ],
            },
        ),
    ]
